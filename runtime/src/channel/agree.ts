/**
 * Runs an agreement over a connected socket.
 * @module
 */
import type { Socket } from "node:net";
import { MilagroError } from "@milagro/engine/error";
import type { Credential } from "@milagro/protocol/channel-credential";
import { type ChannelPurpose, encodeRefusal } from "@milagro/protocol/channel-frame";
import { beginAgreement } from "@milagro/protocol/channel-initiator";
import type { MpinResponder } from "@milagro/protocol/channel-mpin";
import type { Agreed, ChannelPorts, OwnCredential } from "@milagro/protocol/channel-party";
import { answerAgreement, type ResponderOptions } from "@milagro/protocol/channel-responder";
import type { ErrorCode } from "@milagro/protocol/error-codes";
import { nativeAead } from "../aead.ts";
import { nativeMlKem } from "../ml-kem.ts";
import { nativeSha256 } from "../sha256.ts";
import { drawX25519 } from "../x25519.ts";
import { readFrame, TLS_ACCESS_DENIED } from "./frame-stream.ts";
import type { ChannelSelf } from "./self.ts";

/** Undefined lets the peer in; asked before any signature is looked at. Whoever makes one sees to it that it answers in time. */
export type Decide = (peer: Credential) => ErrorCode | undefined | Promise<ErrorCode | undefined>;

const portsOf = (self: ChannelSelf, decide: Decide): ChannelPorts => ({
  random: self.random,
  domain: self.domain,
  clock: self.clock,
  aead: nativeAead,
  sha256: nativeSha256,
  drawX25519,
  mlKem: nativeMlKem,
  verify: (claim) => self.verify(claim),
  decide,
});

/** @throws what the agreement throws, `ERR_UNREACHABLE`. The socket is the caller's to close. */
export async function initiate(
  socket: Socket,
  self: ChannelSelf,
  purpose: ChannelPurpose,
  decide: Decide,
): Promise<Agreed> {
  const initiator = beginAgreement({ ports: portsOf(self, decide), own: self.own(), purpose });
  try {
    socket.write(initiator.offer);
    for (;;) {
      const { send, agreed } = await initiator.receive(await readFrame(socket));
      if (send) socket.write(send);
      if (agreed) return agreed;
    }
  } finally {
    initiator.destroy();
  }
}

export interface RespondOptions {
  readonly decide: Decide;
  readonly mpin?: MpinResponder | undefined;
  readonly grant?: ResponderOptions["grant"];
  /** The first bytes of the offer, where they have been read. */
  readonly begun?: Buffer;
}

/** What the responder comes to. */
export interface Responded {
  readonly agreed: Agreed;
  readonly purpose: ChannelPurpose;
}

/** @throws as `initiate`; then the other side has been told, as far as it may know. */
export async function respond(socket: Socket, self: ChannelSelf, options: RespondOptions): Promise<Responded> {
  const own = self.own();
  if (!isResponder(own)) throw new TypeError("a channel server is an identity or a D-TA");
  const { decide, mpin, grant, begun } = options;
  const responder = answerAgreement({ ports: portsOf(self, decide), own, mpin, ...(grant ? { grant } : {}) });
  try {
    for (let frame = await readFrame(socket, begun); ; frame = await readFrame(socket)) {
      const { send, agreed } = await responder.receive(frame);
      if (send) socket.write(send);
      if (agreed && responder.purpose) return { agreed, purpose: responder.purpose };
    }
  } catch (error) {
    refuse(socket, error, responder.purpose);
    throw error;
  } finally {
    responder.destroy();
  }
}

function isResponder(own: ReturnType<ChannelSelf["own"]>): own is OwnCredential {
  return !("begin" in own) && own.credential.kind !== "anonymous";
}

/** One that has sent its proof and wants a stream may be talking TLS already: it gets an alert, everybody else a frame. */
function refuse(socket: Socket, error: unknown, purpose: ChannelPurpose | undefined): void {
  if (socket.destroyed || !socket.writable) return;
  if (purpose && !purpose.grant) socket.end(TLS_ACCESS_DENIED);
  else socket.end(encodeRefusal(error instanceof MilagroError ? error.code : "ERR_CHANNEL_REFUSED"));
}
