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
 * The next `length` bytes, once they are there. The socket is left paused, without a listener.
 * @throws `ERR_UNREACHABLE` when the connection ends or fails before
 */
export function readBytes(socket: Socket, length: number): Promise<Buffer> {
  if (!socket.destroyed && socket.readableLength >= length) return Promise.resolve(socket.read(length) as Buffer);
  return new Promise((resolve, reject) => {
    const attempt = (): void => {
      const bytes = socket.destroyed ? undefined : (socket.read(length) as Buffer | null);
      if (bytes === null) return;
      // At its end a stream hands out what is left, however short.
      if (bytes?.length === length) finish(() => resolve(bytes));
      else fail();
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

/** @throws `ERR_CHANNEL_MESSAGE`, `ERR_VERSION_UNSUPPORTED`, `ERR_UNREACHABLE`; `ERR_CHANNEL_REFUSED` for a TLS alert in a frame's place */
export async function readFrame(socket: Socket): Promise<Frame> {
  // An alert is shorter than a header.
  const first = await readBytes(socket, socket.readableLength >= FRAME_HEADER_LENGTH ? FRAME_HEADER_LENGTH : 1);
  if (first[0] === TLS_ALERT) throw new MilagroError("ERR_CHANNEL_REFUSED", "the other side refused this peer");
  const rest = FRAME_HEADER_LENGTH - first.length;
  const header = rest === 0 ? first : Buffer.concat([first, await readBytes(socket, rest)]);
  const { length } = parseFrameHeader(header);
  return parseFrame(new Uint8Array(Buffer.concat([header, await readBytes(socket, length)])));
}
