/**
 * A relay that lets so many of a client's messages through and then hangs up on the server: as a program that dies does, or one that has had enough.
 * @module
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** How a peer goes: it ends and still reads, it closes, or its machine says that nobody is there. */
const DEPARTURES = {
  ends: (socket: Socket) => void socket.end(),
  closes: (socket: Socket) => void socket.destroySoon(),
  resets: (socket: Socket) => void socket.resetAndDestroy(),
} as const;

export interface Cut {
  /** Frames and TLS records of the client that arrive. */
  readonly messages: number;
  /** Of the one after them, so many bytes. Default 0. */
  readonly bytes?: number;
  /** The peer goes with its last byte, a moment later, or when the server has answered that. */
  readonly when: "at once" | "later" | "when answered";
  readonly how: keyof typeof DEPARTURES;
}

/** The first message in a stream of frames and TLS records, if it is there whole. */
function firstMessage(bytes: Buffer): Buffer | undefined {
  const frame = bytes[0] === 0x4d;
  const header = frame ? 8 : 5;
  if (bytes.length < header) return undefined;
  const length = header + bytes.readUInt16BE(frame ? 6 : 3);
  return bytes.length < length ? undefined : bytes.subarray(0, length);
}

export interface Cutter {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** Resolves when the peer has gone. */
  readonly gone: Promise<void>;
}

/** @returns where one client dials; what the server gets of it ends as `cut` says */
export async function cutShort(
  target: { readonly port: number },
  { messages, bytes = 0, when, how }: Cut,
): Promise<Cutter> {
  let left = messages;
  let tellGone = (): void => {};
  const gone = new Promise<void>((resolve) => {
    tellGone = resolve;
  });
  const relay = createServer((near) => {
    const far = connect({ host: "127.0.0.1", port: target.port, allowHalfOpen: true }).setNoDelay(true);
    let waiting: Buffer = Buffer.alloc(0);
    let done = false;
    const depart = (): void => {
      DEPARTURES[how](far);
      tellGone();
    };
    const send = (part: Buffer): void => void (part.length > 0 && far.write(part));
    near.on("error", () => {}).on("close", () => done || far.destroy());
    far.on("error", () => {}).on("close", () => near.destroy());
    near.on("data", (chunk) => {
      if (done) return;
      waiting = Buffer.concat([waiting, chunk]);
      for (let message = firstMessage(waiting); message && left > 0; message = firstMessage(waiting)) {
        send(message);
        waiting = waiting.subarray(message.length);
        left -= 1;
      }
      if (left > 0 || waiting.length < bytes) return;
      send(waiting.subarray(0, bytes));
      done = true;
      if (when === "at once") depart();
      if (when === "later") setTimeout(depart, 10);
    });
    far.on("data", (chunk) => {
      if (!done) near.write(chunk);
      else if (when === "when answered") depart();
    });
  });
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  onTestFinished(() => void relay.close());
  return { host: "127.0.0.1", port: (relay.address() as AddressInfo).port, gone };
}
