/**
 * TLS 1.3 with a pre-shared key on a connected socket, and nothing else: no certificate, no session ticket, no other version.
 *
 * Four things that Node would allow and that must not happen (each has a test in `test/traps.test.ts`):
 * - A client without a check of its own takes any certificate that a known authority has signed. Here there are no authorities, the
 *   check of the server's name always fails, and a channel counts only if TLS says that the PSK was used and no certificate came.
 * - A server with a certificate falls back to it when the PSK is unknown. Here there is none, and a peer has a name only after its
 *   key was found.
 * - Sessions that are resumed skip the callback, and so revocation. OpenSSL hands some out in TLS 1.3 whatever one says; with
 *   `SSL_OP_NO_TICKET` they are mere numbers, which nothing here remembers, so none can be resumed.
 * - `authorized` is false on servers under PSK whatever happens: nothing here looks at it.
 * @module
 */
import { constants } from "node:crypto";
import type { Socket } from "node:net";
import { connect, createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { MilagroError } from "@milagro/engine/error";
import type { ErrorCode } from "@milagro/protocol/error-codes";

/** A key under its name. */
export interface Psk {
  readonly identity: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

export interface TlsOptions {
  readonly ALPNProtocols?: readonly string[] | undefined;
  /**
   * The key comes from an agreement on this very connection, serves it alone and is wiped when TLS is set up. Then TLS makes no key exchange
   * of its own (`psk_ke`), where both sides say so: it would be the second of its kind. With any other key that would cost forward secrecy. Default false.
   */
  readonly agreedJustNow?: boolean | undefined;
}

/**
 * SHA-256 suites only: an external PSK belongs to one hash (RFC 8446 §4.2.11). X25519 alone, where TLS makes an exchange: what an attacker with a
 * quantum computer would have to know is the PSK, which comes from an agreement with ML-KEM in it.
 */
const CONTEXT = {
  minVersion: "TLSv1.3",
  maxVersion: "TLSv1.3",
  ciphers: "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
  ecdhCurve: "X25519",
  ca: [],
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
} as const;

/** `SSL_OP_PREFER_NO_DHE_KEX` of OpenSSL 3.3 and later, which Node does not name. Before, TLS makes its exchange all the same. */
const PREFER_NO_EXCHANGE = 2 ** 35;
const WITHOUT_EXCHANGE = constants.SSL_OP_ALLOW_NO_DHE_KEX + PREFER_NO_EXCHANGE;

const shared = new Map<boolean, SecureContext>();
/** One for all connections of a kind: it holds no key. */
function secureContext({ agreedJustNow = false }: TlsOptions): SecureContext {
  const secureOptions = CONTEXT.secureOptions + (agreedJustNow ? WITHOUT_EXCHANGE : 0);
  const context = shared.get(agreedJustNow) ?? createSecureContext({ ...CONTEXT, ca: [...CONTEXT.ca], secureOptions });
  shared.set(agreedJustNow, context);
  return context;
}

const untrusted = (): MilagroError =>
  new MilagroError("ERR_CHANNEL_PEER", "the other side did not show that it knows the agreed key");

/** Whether TLS says what a channel rests on. A certificate, or a handshake without the PSK, is somebody else's. */
function usedPsk(socket: TLSSocket): boolean {
  return (
    socket.getProtocol() === "TLSv1.3" &&
    socket.isSessionReused() &&
    Object.keys(socket.getPeerCertificate() ?? {}).length === 0
  );
}

/** What an error of OpenSSL or of the socket means here. */
function meaningOf(error: unknown): MilagroError {
  if (error instanceof MilagroError) return error;
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  const [known, detail] = /^ERR_SSL/.test(code) ? meaningOfAlert(code) : UNREACHABLE;
  return new MilagroError(known, detail, { cause: error });
}

const UNREACHABLE = ["ERR_UNREACHABLE", "the connection ended before TLS was set up"] as const;

function meaningOfAlert(code: string): readonly [ErrorCode, string] {
  if (/ALERT_ACCESS_DENIED/.test(code)) return ["ERR_CHANNEL_REFUSED", "the other side refused this peer"];
  if (/NO_APPLICATION_PROTOCOL/.test(code)) return ["ERR_CHANNEL_REFUSED", "the two sides have no protocol in common"];
  if (/ALERT_(?:HANDSHAKE_FAILURE|UNKNOWN_PSK_IDENTITY|DECRYPT_ERROR|ILLEGAL_PARAMETER)/.test(code))
    return ["ERR_CHANNEL_TICKET", "the other side does not take this key"];
  return ["ERR_CHANNEL_AGREEMENT", "TLS was not set up: something was changed, or the other side has no such key"];
}

/** @throws `ERR_CHANNEL_PEER`, `ERR_CHANNEL_REFUSED`, `ERR_CHANNEL_TICKET`, `ERR_CHANNEL_AGREEMENT`, `ERR_UNREACHABLE`. The socket is destroyed then. */
export function tlsClient(socket: Socket, psk: Psk, options: TlsOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const tls = connect({
      socket,
      secureContext: secureContext(options),
      minVersion: CONTEXT.minVersion,
      ...(options.ALPNProtocols ? { ALPNProtocols: [...options.ALPNProtocols] } : {}),
      pskCallback: () => ({ identity: psk.identity, psk: psk.key }),
      checkServerIdentity: untrusted,
    });
    settle(tls, socket, "secureConnect", resolve, reject);
  });
}

/**
 * @param find - the key of this name, or undefined; synchronous, because OpenSSL does not wait
 * @throws as `tlsClient`
 */
export function tlsServer(
  socket: Socket,
  find: (identity: string) => Uint8Array | undefined,
  options: TlsOptions,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const tls = new TLSSocket(socket, {
      isServer: true,
      secureContext: secureContext(options),
      requestCert: false,
      rejectUnauthorized: false,
      ...(options.ALPNProtocols ? { ALPNProtocols: [...options.ALPNProtocols] } : {}),
      pskCallback: (_: TLSSocket, identity: string) => find(identity) ?? null,
    } as ConstructorParameters<typeof TLSSocket>[1]);
    settle(tls, socket, "secure", resolve, reject);
  });
}

/**
 * Who ends before TLS is set up never sets it up: its last message is still missing. Node does not say so where a socket may be half open, and a socket that had
 * ended before TLS came to it (while a signature was checked, say) never says it again.
 */
function settle(
  tls: TLSSocket,
  under: Socket,
  event: "secure" | "secureConnect",
  resolve: (socket: TLSSocket) => void,
  reject: (error: unknown) => void,
): void {
  const finish = (): void => {
    tls.off(event, onSecure).off("error", onError).off("end", onGone).off("close", onGone);
    under.off("end", onGone);
  };
  const onSecure = (): void => {
    finish();
    if (usedPsk(tls)) {
      // On servers it is `tls.Server` that does so; HTTP/2 would wait for it for ever.
      Object.assign(tls, { secureConnecting: false });
      resolve(tls);
    } else {
      tls.on("error", () => {}).destroy();
      reject(untrusted());
    }
  };
  const onError = (error: unknown): void => {
    finish();
    tls.on("error", () => {}).destroy();
    reject(meaningOf(error));
  };
  const onGone = (): void => onError(new MilagroError(...UNREACHABLE));
  if (under.destroyed || under.readableEnded) {
    onGone();
    return;
  }
  tls.on(event, onSecure).on("error", onError).on("end", onGone).on("close", onGone);
  under.on("end", onGone);
}
