/**
 * A channel with its roles turned: a D-TA connects and proves itself, and whoever listens does not, because it cannot yet. For a D-KMS that has no keys so far and
 * wants them from D-TAs which nobody can connect to.
 *
 *   D-TA → listener    invitation = u8 index
 *   then an agreement which the listener begins, as nobody; TLS with the listener as client, ALPN "milagro-turned/1" at both ends
 *
 * The protocol's name keeps such a connection apart from all others: a client of the D-TA's that somebody has led here speaks another one, and a D-TA's port none.
 * @module
 */
import { once } from "node:events";
import { connect as connectNet, type Socket } from "node:net";
import { MilagroError } from "@milagro/engine/error";
import { encodeFrame } from "@milagro/protocol/channel-frame";
import { respond } from "./agree.ts";
import { type Channel, toChannel } from "./channel.ts";
import { connect } from "./connect.ts";
import { readFrame } from "./frame-stream.ts";
import type { ChannelSelf } from "./self.ts";
import { tlsServer } from "./tls.ts";

const ALPN = "milagro-turned/1";
const TIMEOUT_MS = 10_000;

export interface InviteOptions {
  /** The D-TA. */
  readonly self: ChannelSelf;
  readonly index: number;
  readonly host: string;
  readonly port: number;
  /** Until TLS is set up. Default 10 s. */
  readonly timeoutMs?: number;
}

/**
 * Connects, proves itself, and leaves open who is at the other end.
 * @throws `ERR_UNREACHABLE` also when the other end takes no invitation, `ERR_TIMEOUT`, `ERR_CHANNEL_…`
 */
export async function invite({ self, index, host, port, timeoutMs = TIMEOUT_MS }: InviteOptions): Promise<Channel> {
  const socket = connectNet({ host, port });
  socket.on("error", () => {}).setNoDelay(true);
  const late = AbortSignal.timeout(timeoutMs);
  const onLate = (): unknown => socket.destroy();
  late.addEventListener("abort", onLate, { once: true });
  let key: Uint8Array | undefined;
  try {
    await once(socket, "connect", { signal: late }).catch((cause: unknown) => {
      throw new MilagroError("ERR_UNREACHABLE", "nothing answers at this address", { cause });
    });
    socket.write(encodeFrame("invitation", Uint8Array.of(index)));
    const decide = ({ kind }: { readonly kind: string }) => (kind === "anonymous" ? undefined : "ERR_CHANNEL_REFUSED");
    const { agreed, purpose } = await respond(socket, self, { decide });
    key = agreed.psk.use((bytes) => bytes.slice());
    agreed.psk.destroy();
    if (!purpose.stream) throw new MilagroError("ERR_CHANNEL_MESSAGE", "an agreement about something else");
    const find = (identity: string) => (identity === agreed.pskName ? key : undefined);
    const tls = await tlsServer(socket, find, { ALPNProtocols: [ALPN], agreedJustNow: true });
    if (tls.alpnProtocol !== ALPN)
      throw new MilagroError("ERR_CHANNEL_REFUSED", "the other side speaks something else");
    return toChannel(tls, agreed.peer, "agreement", self.clock());
  } catch (error) {
    socket.destroy();
    throw late.aborted ? new MilagroError("ERR_TIMEOUT", "the channel was not set up in time") : error;
  } finally {
    key?.fill(0);
    late.removeEventListener("abort", onLate);
  }
}

/**
 * Takes an invitation and begins the agreement.
 * @param self - nobody
 * @param count - D-TAs of the domain
 * @throws `ERR_CHANNEL_MESSAGE` for anything else than an invitation, and what `connect` throws. The socket is destroyed then.
 */
export async function acceptInvitation(
  socket: Socket,
  { self, count }: { readonly self: ChannelSelf; readonly count: number },
): Promise<Channel & { readonly peer: { readonly kind: "authority"; readonly index: number } }> {
  const timer = setTimeout(() => socket.destroy(), TIMEOUT_MS);
  try {
    const { type, body } = await readFrame(socket);
    const index = body[0] ?? 0;
    if (type !== "invitation" || index < 1 || index > count)
      throw new MilagroError("ERR_CHANNEL_MESSAGE", "not an invitation of a D-TA of this domain");
    const channel = await connect({ socket, self, to: `dta:${index}`, ALPNProtocols: [ALPN] });
    if (channel.alpnProtocol !== ALPN)
      throw new MilagroError("ERR_CHANNEL_REFUSED", "the other side speaks something else");
    return channel as Awaited<ReturnType<typeof acceptInvitation>>;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
