/**
 * Reads frames of the agreement from a socket, and not one byte more: what follows is TLS and belongs to somebody else.
 * @module
 */
import type { Socket } from "node:net";
import { MilagroError } from "@milagro/engine/error";
import { FRAME_HEADER_LENGTH, type Frame, parseFrame, parseFrameHeader } from "@milagro/protocol/channel-frame";

/** `alert(access_denied)` as a TLS record (RFC 8446 §5.1, §6): what a side that is already talking TLS understands. */
export const TLS_ACCESS_DENIED = Uint8Array.of(0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x31);
const TLS_ALERT = 0x15;

const ended = (): MilagroError => new MilagroError("ERR_UNREACHABLE", "the connection ended before the agreement did");

/**
 * What is there by now, or comes next: a byte or more. The socket is left paused, without a listener.
 * @throws `ERR_UNREACHABLE` when the connection ends or fails before
 */
export function readSome(socket: Socket): Promise<Buffer> {
  const there = socket.destroyed ? null : (socket.read() as Buffer | null);
  if (there) return Promise.resolve(there);
  return new Promise((resolve, reject) => {
    const attempt = (): void => {
      const bytes = socket.destroyed ? null : (socket.read() as Buffer | null);
      if (bytes) finish(() => resolve(bytes));
    };
    const fail = (): void => finish(() => reject(ended()));
    const finish = (then: () => void): void => {
      socket.off("readable", attempt).off("end", fail).off("error", fail).off("close", fail);
      then();
    };
    if (socket.readableEnded || socket.destroyed) return reject(ended());
    socket.on("readable", attempt).on("end", fail).on("error", fail).on("close", fail);
    attempt();
  });
}

/**
 * @param begun - its first bytes, where they have been read. Those after it, if any, go back.
 * @throws `ERR_CHANNEL_MESSAGE`, `ERR_VERSION_UNSUPPORTED`, `ERR_UNREACHABLE`; `ERR_CHANNEL_REFUSED` for a TLS alert in a frame's place
 */
export async function readFrame(socket: Socket, begun?: Buffer): Promise<Frame> {
  let bytes = begun ?? (await readSome(socket));
  for (;;) {
    // An alert is shorter than a header.
    if (bytes[0] === TLS_ALERT) throw new MilagroError("ERR_CHANNEL_REFUSED", "the other side refused this peer");
    if (bytes.length >= FRAME_HEADER_LENGTH) {
      const end = FRAME_HEADER_LENGTH + parseFrameHeader(bytes.subarray(0, FRAME_HEADER_LENGTH)).length;
      if (bytes.length > end) socket.unshift(bytes.subarray(end));
      if (bytes.length >= end) return parseFrame(new Uint8Array(bytes.subarray(0, end)));
    }
    bytes = Buffer.concat([bytes, await readSome(socket)]);
  }
}
