/**
 * A relay between client and server that writes down what goes through, and may change it.
 * @module
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { onTestFinished } from "vitest";
import type { Conversation } from "./capture.ts";

export interface Recorder {
  readonly port: number;
  readonly host: "127.0.0.1";
  /** All bytes that clients sent, and that the server sent. */
  sent(): Buffer;
  received(): Buffer;
  /** The same by connection, in order. */
  conversations(): readonly Conversation[];
}

/** @param change - of what clients send, chunk by chunk; undefined ends the connection */
export async function record(
  target: { readonly port: number },
  change = (chunk: Buffer): Buffer | undefined => chunk,
): Promise<Recorder> {
  const up: Buffer[] = [];
  const down: Buffer[] = [];
  const conversations: { from: "client" | "server"; bytes: Buffer }[][] = [];
  const server = createServer((near) => {
    const conversation: (typeof conversations)[number] = [];
    conversations.push(conversation);
    const far = connect(target.port, "127.0.0.1");
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    near
      .on("error", end)
      .on("close", end)
      .on("data", (chunk) => {
        up.push(chunk);
        conversation.push({ from: "client", bytes: chunk });
        const next = change(chunk);
        if (next) far.write(next);
        else end();
      });
    far
      .on("error", end)
      .on("close", end)
      .on("data", (chunk) => {
        down.push(chunk);
        conversation.push({ from: "server", bytes: chunk });
        near.write(chunk);
      });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return {
    port: (server.address() as AddressInfo).port,
    host: "127.0.0.1",
    sent: () => Buffer.concat(up),
    received: () => Buffer.concat(down),
    conversations: () => conversations,
  };
}

/** A handshake message that went in the clear: its type, and the types of its extensions. */
export interface ClearMessage {
  readonly type: number;
  readonly extensions: readonly number[];
}

/** The hello messages among the TLS records in these bytes (RFC 8446 §4.1, §5.1); all else in TLS 1.3 is encrypted. */
export function helloMessages(bytes: Buffer): ClearMessage[] {
  const messages: ClearMessage[] = [];
  let at = 0;
  while (at + 5 <= bytes.length) {
    if (bytes.subarray(at, at + 4).toString("latin1") === "MLGC") {
      at += 8 + bytes.readUInt16BE(at + 6);
      continue;
    }
    const length = bytes.readUInt16BE(at + 3);
    const record = bytes.subarray(at + 5, at + 5 + length);
    if (bytes[at] === 0x16) messages.push(readHello(record));
    at += 5 + length;
  }
  return messages;
}

function readHello(record: Buffer): ClearMessage {
  const type = record[0] as number;
  if (type !== 1 && type !== 2) return { type, extensions: [] };
  let at = 4 + 2 + 32;
  at += 1 + (record[at] as number); // session id
  if (type === 1) {
    at += 2 + record.readUInt16BE(at); // suites
    at += 1 + (record[at] as number); // compression
  } else at += 3;
  const end = at + 2 + record.readUInt16BE(at);
  const extensions: number[] = [];
  for (at += 2; at < end; at += 4 + record.readUInt16BE(at + 2)) extensions.push(record.readUInt16BE(at));
  return { type, extensions };
}
