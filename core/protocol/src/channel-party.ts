/**
 * What both sides of an agreement have in common: the ports they are given, sealing in both directions, the credential with its
 * evidence inside a sealed message, and what comes out in the end.
 *
 *   keys at th after the answer's head:  seal(role) = key("MILAGRO-V1-CHANNEL-SEAL", role), mac(role) = key("MILAGRO-V1-CHANNEL-MAC-KEY", role)
 *   sealed    = AES-256-GCM(seal(sender), nonce = u96 count of the sender's messages, aad = th ‖ header, plaintext)
 *               of an answer aad = th: its header is in it
 *   identified = len16 credential ‖ len8 evidence ‖ mac,  mac = HMAC(mac(role), transcript("MILAGRO-V1-CHANNEL-MAC", role, th, credential))
 *   in the end: psk = key("MILAGRO-V1-CHANNEL-PSK", credential_I, credential_R),  its name = first 16 bytes of key("MILAGRO-V1-CHANNEL-NAME")
 *   granted psk = key("MILAGRO-V1-CHANNEL-GRANT", credential_I, credential_R)
 * @module
 */
import { AEAD_OVERHEAD, type AeadPort, nobleAead } from "@milagro/crypto/aead";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { ByteReader, concat, equalBytes, lengthPrefixed, utf8, wipe } from "@milagro/crypto/bytes";
import { type ChannelKeys, channelMac, type Sha256, startChannelKeys } from "@milagro/crypto/channel-keys";
import type { HybridPorts, HybridSecret } from "@milagro/crypto/hybrid-agreement";
import { Secret } from "@milagro/crypto/secret";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import {
  type ChannelDomain,
  type ChannelRole,
  type Credential,
  type CredentialClaim,
  type EncodedCredential,
  evidenceLength,
  objectionTo,
  parseCredential,
} from "./channel-credential.ts";
import { type Frame, type FrameType, frameHeader } from "./channel-frame.ts";
import type { ErrorCode } from "./error-codes.ts";

/** 32 bytes. */
export type ChannelPsk = Secret<"channel PSK">;

/** Everything an agreement needs from outside. */
export interface ChannelPorts extends HybridPorts {
  readonly random: RandomBytes;
  readonly domain: ChannelDomain;
  readonly aead?: AeadPort | undefined;
  readonly sha256?: Sha256 | undefined;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** `verifyCredential`, here or in another thread. */
  verify(claim: CredentialClaim): boolean | Promise<boolean>;
  /** May this agreement go on? Asked before any signature is looked at: the peer has proved nothing yet. Undefined: yes. */
  decide(peer: Credential): ErrorCode | undefined | Promise<ErrorCode | undefined>;
}

/** Somebody who signs; `sign` gets what `channelStatement` says. */
export interface OwnCredential {
  readonly credential: Credential;
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** A PSK identity for later connections, with its key. */
export interface ChannelGrant {
  /** 1 to 255 bytes of UTF-8 without NUL. */
  readonly identity: string;
  readonly lifetimeSeconds: number;
  readonly psk: ChannelPsk;
}

/** What comes out. */
export interface Agreed {
  readonly peer: Credential;
  readonly psk: ChannelPsk;
  /** 22 characters that name the key for this one handshake and say nothing about anybody. */
  readonly pskName: string;
  /** There when it was asked for and given. */
  readonly grant: ChannelGrant | undefined;
}

/** What to do after a message: send something, wait for the next, or stop: agreed. */
export interface ChannelStep {
  readonly send?: Uint8Array;
  readonly agreed?: Agreed;
}

const NOTHING = new Uint8Array(0);

export const disagree = (detail: string): MilagroError => new MilagroError("ERR_CHANNEL_AGREEMENT", detail);

/** One side's running state. */
class ChannelParty {
  readonly keys: ChannelKeys;
  readonly #aead: AeadPort;
  readonly #directions = new Map<ChannelRole, { readonly seal: Uint8Array; readonly mac: Uint8Array; count: number }>();

  constructor({ aead, sha256 }: Pick<ChannelPorts, "aead" | "sha256">) {
    this.keys = startChannelKeys(sha256);
    this.#aead = aead ?? nobleAead;
  }

  /** After the answer's head has been absorbed. */
  useSecret(secret: HybridSecret): void {
    this.keys.useSecret(secret);
    for (const role of ["initiator", "responder"] as const) {
      const seal = this.keys.key("MILAGRO-V1-CHANNEL-SEAL", utf8(role));
      const mac = this.keys.key("MILAGRO-V1-CHANNEL-MAC-KEY", utf8(role));
      this.#directions.set(role, { seal, mac, count: 0 });
    }
  }

  /**
   * Seals at the hash so far. The caller absorbs what is sent.
   * @param header - of the frame, where the hash does not hold it yet
   */
  async seal(sender: ChannelRole, plaintext: Uint8Array, header: Uint8Array = NOTHING): Promise<Uint8Array> {
    const { key, nonce } = this.#next(sender);
    return this.#aead.seal(key, nonce, concat(this.keys.hash, header), plaintext);
  }

  /** @throws `ERR_CHANNEL_AGREEMENT` for anything that was not sealed in this run, at this place, by the other side */
  async open(sender: ChannelRole, sealed: Uint8Array, header: Uint8Array = NOTHING): Promise<Uint8Array> {
    const { key, nonce } = this.#next(sender);
    try {
      return await this.#aead.open(key, nonce, concat(this.keys.hash, header), sealed);
    } catch {
      throw disagree("a message was changed, or is not of this agreement");
    }
  }

  /** A frame with nothing but sealed bytes in it, absorbed. */
  async sealFrame(sender: ChannelRole, type: FrameType, plaintext: Uint8Array): Promise<Uint8Array> {
    const header = frameHeader(type, plaintext.length + AEAD_OVERHEAD);
    const frame = concat(header, await this.seal(sender, plaintext, header));
    this.keys.absorb(frame);
    return frame;
  }

  /** The other way. The caller absorbs the frame when it has dealt with it. */
  openFrame(sender: ChannelRole, frame: Frame): Promise<Uint8Array> {
    return this.open(sender, frame.body, frame.header);
  }

  absorbFrame(frame: Frame): void {
    this.keys.absorb(frame.bytes);
  }

  #next(sender: ChannelRole): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
    const direction = this.#directions.get(sender);
    if (!direction) throw new TypeError("no keys yet, or no longer");
    const nonce = new Uint8Array(12);
    new DataView(nonce.buffer).setUint32(8, direction.count);
    direction.count += 1;
    return { key: direction.seal, nonce };
  }

  #mac(role: ChannelRole, credential: Uint8Array): Uint8Array {
    const direction = this.#directions.get(role);
    if (!direction) throw new TypeError("no keys yet, or no longer");
    return channelMac(direction.mac, "MILAGRO-V1-CHANNEL-MAC", utf8(role), this.keys.hash, credential);
  }

  /** The plaintext that says who one is. */
  identify(role: ChannelRole, { encoded }: EncodedCredential, evidence: Uint8Array): Uint8Array {
    return concat(lengthPrefixed(16, encoded), lengthPrefixed(8, evidence), this.#mac(role, encoded));
  }

  /** The other way. The MAC holds; the evidence is yet to be verified. @throws `ERR_CHANNEL_AGREEMENT`, `ERR_CHANNEL_MESSAGE` */
  identified(role: ChannelRole, plaintext: Uint8Array): EncodedCredential & { readonly evidence: Uint8Array } {
    const reader = new ByteReader(plaintext, "ERR_CHANNEL_MESSAGE");
    const encoded = reader.prefixed(16);
    const evidence = reader.prefixed(8);
    const mac = reader.take(32);
    reader.end();
    const credential = parseCredential(encoded);
    if (evidence.length !== evidenceLength(credential))
      throw new MilagroError("ERR_CHANNEL_MESSAGE", "evidence of another length");
    if (!equalBytes(mac, this.#mac(role, encoded))) throw disagree("the identity is not bound to this agreement");
    return { credential, encoded, evidence };
  }

  agreed(peer: Credential, initiator: Uint8Array, responder: Uint8Array): Agreed {
    const psk = new Secret("channel PSK", this.keys.key("MILAGRO-V1-CHANNEL-PSK", initiator, responder));
    const name = this.keys.key("MILAGRO-V1-CHANNEL-NAME");
    return { peer, psk, pskName: encodeBase64url(name.slice(0, 16)), grant: undefined };
  }

  grantedPsk(initiator: Uint8Array, responder: Uint8Array): ChannelPsk {
    return new Secret("channel PSK", this.keys.key("MILAGRO-V1-CHANNEL-GRANT", initiator, responder));
  }

  destroy(): void {
    this.keys.destroy();
    for (const { seal, mac } of this.#directions.values()) wipe(seal, mac);
    this.#directions.clear();
  }
}

export type { ChannelParty };

export function startParty(ports: Pick<ChannelPorts, "aead" | "sha256">): ChannelParty {
  return new ChannelParty(ports);
}

/**
 * Whether to go on with whom the peer says to be: the cheap questions first, the signature last.
 * @throws `ERR_EPOCH_OUT_OF_WINDOW`, `ERR_DOMAIN_MISMATCH`, what `decide` says, `ERR_CHANNEL_AGREEMENT` for a false signature
 */
export async function admit(
  ports: ChannelPorts,
  role: ChannelRole,
  credential: Credential,
  signed: { readonly message: Uint8Array; readonly signature: Uint8Array } | undefined,
): Promise<void> {
  const objection = objectionTo(ports.domain, role, credential, ports.clock()) ?? (await ports.decide(credential));
  if (objection !== undefined)
    throw new MilagroError(objection, "the agreement was broken off because of who the peer says to be");
  if (!signed || credential.kind === "anonymous") return;
  if (!(await ports.verify({ credential, ...signed }))) throw disagree("the peer's signature is wrong");
}
