/**
 * A capture file of conversations that were recorded above TCP: for tools that read nothing else. Ports and sequence numbers are made up, the bytes are not.
 * Source: libpcap's file format, link type 101 (raw IP); RFC 791, RFC 9293.
 * @module
 */

/** Who said what, in order. */
export type Conversation = readonly { readonly from: "client" | "server"; readonly bytes: Buffer }[];

const SEGMENT = 1400;

/** TLS records begin anew where the agreement ends, so that a dissector of TLS finds them: a segment never holds both. */
export function writeCapture(conversations: readonly Conversation[], serverPort: number): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(101, 20);
  const packets: Buffer[] = [header];
  let time = 0;
  conversations.forEach((conversation, i) => {
    const clientPort = 40_000 + i;
    const next = { client: 1, server: 1 };
    const send = (from: "client" | "server", flags: number, payload: Buffer): void => {
      const other = from === "client" ? "server" : "client";
      const ports = from === "client" ? [clientPort, serverPort] : [serverPort, clientPort];
      packets.push(packet(time++, from, ports as [number, number], next[from], next[other], flags, payload));
      next[from] += payload.length;
    };
    send("client", 0x02, Buffer.alloc(0));
    next.client += 1;
    send("server", 0x12, Buffer.alloc(0));
    next.server += 1;
    send("client", 0x10, Buffer.alloc(0));
    for (const { from, bytes } of conversation) {
      for (let at = 0; at < bytes.length; at += SEGMENT) send(from, 0x18, bytes.subarray(at, at + SEGMENT));
    }
  });
  return Buffer.concat(packets);
}

function packet(
  time: number,
  from: "client" | "server",
  [source, target]: [number, number],
  sequence: number,
  acknowledged: number,
  flags: number,
  payload: Buffer,
): Buffer {
  const ip = Buffer.alloc(40);
  ip[0] = 0x45;
  ip.writeUInt16BE(40 + payload.length, 2);
  ip[8] = 64;
  ip[9] = 6;
  ip.set(from === "client" ? [10, 0, 0, 1, 10, 0, 0, 2] : [10, 0, 0, 2, 10, 0, 0, 1], 12);
  ip.writeUInt16BE(source, 20);
  ip.writeUInt16BE(target, 22);
  ip.writeUInt32BE(sequence, 24);
  ip.writeUInt32BE(acknowledged, 28);
  ip[32] = 0x50;
  ip[33] = flags;
  ip.writeUInt16BE(65_535, 34);
  const record = Buffer.alloc(16);
  record.writeUInt32LE(time, 0);
  record.writeUInt32LE(ip.length + payload.length, 8);
  record.writeUInt32LE(ip.length + payload.length, 12);
  return Buffer.concat([record, ip, payload]);
}
