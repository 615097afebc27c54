import { createCipheriv, createDecipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type AeadPort, nobleAead } from "../src/aead.ts";
import { concat, u16, u32 } from "../src/bytes.ts";
import { type FileHeader, openFile, readFileHeader, sealFile } from "../src/file-envelope.ts";
import { type ByteStream, openStream, SEGMENT_LENGTH, sealStream } from "../src/stream.ts";
import {
  alice,
  bob,
  bytes,
  carol,
  codeOfAsync,
  engine,
  enrol,
  epoch,
  flip,
  makeDomain,
  NOTHING,
  random,
} from "./fixtures.ts";

const domain = makeDomain();
const { domainId, publicKey } = domain;
const context = bytes("backup");
const recipients = [
  { identity: alice, epoch },
  { identity: bob, epoch },
];
const { key } = enrol(domain, "enc", bob);
const opening = { domainId, publicKey, context, selectOpener: () => ({ key, recipient: { identity: bob, epoch } }) };

/** The port as a shell would fill it. */
const nodeAead: AeadPort = {
  seal: (k, nonce, aad, text) => {
    const cipher = createCipheriv("aes-256-gcm", k, nonce).setAAD(aad);
    return new Uint8Array(Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]));
  },
  open: async (k, nonce, aad, sealed) => {
    const decipher = createDecipheriv("aes-256-gcm", k, nonce).setAAD(aad).setAuthTag(sealed.subarray(-16));
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]));
  },
};

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const out: Uint8Array[] = [];
  for await (const chunk of stream) out.push(chunk);
  return out;
}

function* inChunks(input: Uint8Array, length: number): Generator<Uint8Array> {
  for (let at = 0; at < input.length; at += length) yield input.subarray(at, at + length);
}

const seal = (source: ByteStream, aead: AeadPort = nodeAead): Promise<Uint8Array[]> =>
  collect(sealFile(engine, random, { domainId, publicKey, recipients, context, aead }, source));
const open = async (source: ByteStream, options: object = {}): Promise<Uint8Array> =>
  concat(...(await collect(openFile(engine, { aead: nodeAead, ...opening, ...options }, source))));

describe("STREAM", () => {
  const streamKey = random(32);
  const S = SEGMENT_LENGTH;

  test.each([0, 1, S - 1, S, S + 1, 2 * S, 2 * S + 5])(
    "%i bytes come back, however they are cut into chunks",
    async (n) => {
      const text = random(n);
      const sealed = await collect(sealStream(streamKey, inChunks(text, 10_007), nodeAead));
      expect(sealed.length).toBe(Math.max(1, Math.ceil(n / S)));
      expect(concat(...sealed)).toHaveLength(n + 16 * sealed.length);
      const opened = await collect(openStream(streamKey, inChunks(concat(...sealed), 9_973), nodeAead));
      expect(concat(...opened)).toEqual(text);
    },
  );

  test("both implementations of the port give the same bytes", async () => {
    const text = random(S + 3);
    const ours = await collect(sealStream(streamKey, [text], nobleAead));
    expect(ours).toEqual(await collect(sealStream(streamKey, [text], nodeAead)));
    expect(concat(...(await collect(openStream(streamKey, ours, nobleAead))))).toEqual(text);
  });

  describe("refuses", async () => {
    const sealed = await collect(sealStream(streamKey, [random(2 * S + 100)], nodeAead));
    const [one, two, three] = sealed as [Uint8Array, Uint8Array, Uint8Array];
    const exact = await collect(sealStream(streamKey, [random(S)], nodeAead));
    const emptyLast = await nodeAead.seal(streamKey, concat(new Uint8Array(10), Uint8Array.of(1, 1)), NOTHING, NOTHING);
    const unflagged = await nodeAead.seal(streamKey, new Uint8Array(12), NOTHING, random(S));
    test.each<[string, Uint8Array[]]>([
      ["the last segment cut off", [one, two]],
      ["all but the first cut off", [one]],
      ["everything cut off", []],
      ["a byte cut off the end", [one, two, three.subarray(0, -1)]],
      ["a cut inside a segment", [one, two.subarray(0, 1000)]],
      ["a segment left out", [one, three]],
      ["the first segment left out", [two, three]],
      ["two segments swapped", [two, one, three]],
      ["a segment repeated", [one, one, two, three]],
      ["the last segment repeated", [one, two, three, three]],
      ["a byte appended", [...sealed, Uint8Array.of(0)]],
      ["a segment appended", [...sealed, random(S + 16)]],
      ["a byte appended to a whole last segment", [...exact, Uint8Array.of(0)]],
      ["an empty segment after a whole last one", [...exact, emptyLast]],
      ["an empty last segment in place of a flag", [unflagged, emptyLast]],
      ["a bit changed in the first segment", [flip(one, 5), two, three]],
      ["a bit changed in the last tag", [one, two, flip(three, -1)]],
    ])("%s", async (_what, parts) => {
      const run = () => collect(openStream(streamKey, inChunks(concat(...parts), 50_000), nodeAead));
      expect(await codeOfAsync(run)).toBe("ERR_ENVELOPE_CORRUPT");
    });

    test("another key", async () => {
      expect(await codeOfAsync(() => collect(openStream(random(32), sealed, nodeAead)))).toBe("ERR_ENVELOPE_CORRUPT");
    });

    test("and hands out nothing of a segment it refuses", async () => {
      const out: Uint8Array[] = [];
      const run = async (): Promise<void> => {
        for await (const part of openStream(streamKey, [one, flip(two, -1), three], nodeAead)) out.push(part);
      };
      expect(await codeOfAsync(run)).toBe("ERR_ENVELOPE_CORRUPT");
      expect(out.map((part) => part.length)).toEqual([S]);
    });
  });
});

const text = random(SEGMENT_LENGTH + 10);
const file = concat(...(await seal([text])));
const empty = concat(...(await seal([])));
const HEADER = file.length - text.length - 32;

test("a file opens for its recipients, also an empty one, whatever the chunks", async () => {
  expect(await open([file])).toEqual(text);
  expect(await open(inChunks(file, 1013))).toEqual(text);
  expect(await open(inChunks(empty, 1))).toEqual(NOTHING);
});

test("the file starts with its line, and the header is readable without a key", async () => {
  expect(Buffer.from(file.subarray(0, 24)).toString()).toBe("milagro.dev/envelope v1\n");
  const { header, rest } = await readFileHeader([file]);
  expect(header.recipients).toEqual(recipients);
  expect(header.domainId).toEqual(domainId);
  expect(concat(...(await collect(rest)))).toEqual(file.subarray(HEADER));
});

test("the header is what finds the key", async () => {
  let seen: FileHeader | undefined;
  const selectOpener = async (header: FileHeader) => {
    seen = header;
    return opening.selectOpener();
  };
  expect(await open([file], { selectOpener })).toEqual(text);
  expect(seen?.recipients).toEqual(recipients);
});

describe("a file is refused", () => {
  const patched = (at: number, by: Uint8Array): Uint8Array =>
    concat(file.subarray(0, at), by, file.subarray(at + by.length));
  const selecting = (options: object) => ({ selectOpener: () => ({ ...opening.selectOpener(), ...options }) });
  test.each<[string, Uint8Array, object, string]>([
    ["that is no such file", bytes("-----BEGIN something else entirely-----"), {}, "ERR_ENVELOPE_INVALID"],
    ["of another version", patched(22, bytes("2")), {}, "ERR_ENVELOPE_INVALID"],
    ["that is empty", NOTHING, {}, "ERR_ENVELOPE_INVALID"],
    ["cut in the line", file.subarray(0, 10), {}, "ERR_ENVELOPE_INVALID"],
    ["cut in the header", file.subarray(0, HEADER - 1), {}, "ERR_ENVELOPE_INVALID"],
    ["with a header said to be huge", patched(24, u32(0xffff_ffff)), {}, "ERR_ENVELOPE_INVALID"],
    ["with a header said to be longer", patched(24, u32(HEADER - 28 + 1)), {}, "ERR_ENVELOPE_INVALID"],
    ["with a header said to be shorter", patched(24, u32(HEADER - 28 - 1)), {}, "ERR_ENVELOPE_INVALID"],
    ["without recipients", patched(60, u16(0)), {}, "ERR_ENVELOPE_INVALID"],
    ["with a recipient outside the grammar", patched(64, bytes(" ")), {}, "ERR_ENVELOPE_INVALID"],
    ["without its segments", file.subarray(0, HEADER), {}, "ERR_ENVELOPE_CORRUPT"],
    ["with a changed recipient", patched(62 + 2 + alice.length - 1, bytes("x")), {}, "ERR_DECAPSULATION_FAILED"],
    ["with a changed slot of another", flip(file, HEADER - 96), {}, "ERR_DECAPSULATION_FAILED"],
    ["with a changed slot of one's own", flip(file, HEADER - 33), {}, "ERR_DECAPSULATION_FAILED"],
    ["with a changed commitment", flip(file, HEADER - 1), {}, "ERR_DECAPSULATION_FAILED"],
    ["with a changed segment", flip(file, HEADER), {}, "ERR_ENVELOPE_CORRUPT"],
    ["with bytes appended", concat(file, Uint8Array.of(10)), {}, "ERR_ENVELOPE_CORRUPT"],
    [
      "with the segments of another file",
      concat(file.subarray(0, HEADER), empty.subarray(HEADER)),
      {},
      "ERR_ENVELOPE_CORRUPT",
    ],
    ["under another context", file, { context: NOTHING }, "ERR_DECAPSULATION_FAILED"],
    ["in another domain", file, { domainId: makeDomain().domainId }, "ERR_NOT_RECIPIENT"],
    ["for an identity not listed", file, selecting({ recipient: { identity: carol, epoch } }), "ERR_NOT_RECIPIENT"],
    ["with another key", file, selecting({ key: enrol(domain, "enc", alice).key }), "ERR_DECAPSULATION_FAILED"],
  ])("%s", async (_what, input, options, code) => {
    expect(await codeOfAsync(() => open(inChunks(input, 70_000), options))).toBe(code);
  });
});

test("the source is closed whether the file opens, is refused, or the reader goes away", async () => {
  let closed = 0;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* inChunks(file, 1000);
    } finally {
      closed += 1;
    }
  }
  await open(source());
  expect(closed).toBe(1);
  await codeOfAsync(() => open(source(), { domainId: makeDomain().domainId }));
  expect(closed).toBe(2);
  for await (const _part of openFile(engine, { aead: nodeAead, ...opening }, source())) break;
  expect(closed).toBe(3);
});

test("the same file is never sealed twice the same way", async () => {
  expect(concat(...(await seal([])))).not.toEqual(empty);
});
