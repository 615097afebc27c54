/**
 * Writes vectors/milagro/channel.json and attribute-issuance.json, deterministic from seeds:
 *   node --conditions=@milagro/source core/protocol/test/vectors/generate.ts
 * @module
 */
import { writeFile } from "node:fs/promises";
import { concat, encodeHex, parseHex, u32, utf8 } from "@milagro/crypto/bytes";
import { type DomainId, parseDomainId } from "@milagro/crypto/domain-id";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import { combineIdentityKeyShares, encodeIdentityKey, issueIdentityKeyShare } from "@milagro/crypto/identity-key";
import {
  combinePublicShares,
  derivePublicShare,
  encodeDomainPublicKey,
  encodePublicShare,
} from "@milagro/crypto/master-public";
import { parseMasterSecretShare } from "@milagro/crypto/master-secret";
import { createNobleEngine } from "@milagro/engine/noble";
import { sha256 } from "@noble/hashes/sha2.js";
import { encodeCredential } from "../../src/channel-credential.ts";
import { buildAttributeVectors } from "./build-attributes.ts";
import { type DomainFields, type Fields, runCase } from "./channel-runner.ts";

const SEED = utf8("milagro channel vectors v1");
const ALICE = parseIdentity("milagro:example/service/alice");
const BOB = parseIdentity("milagro:example/service/bob");
const EPOCH = parseEpoch(20_000);
const EPOCH_SECONDS = 86_400;
const NOW_MS = (20_000 * EPOCH_SECONDS + 3600) * 1000;

function bytesFor(label: string, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) => sha256(concat(SEED, utf8(label), u32(i))));
  return concat(...blocks).slice(0, length);
}
const hexFor = (label: string, length: number): string => encodeHex(bytesFor(label, length));

interface Case {
  readonly name: string;
  readonly operation: string;
  readonly input: Fields;
  readonly expect: string;
  readonly output?: Fields;
}

const flip = (hex: string, at: number): string => {
  const bytes = parseHex(hex);
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] as number) ^ 1;
  return encodeHex(bytes);
};

export async function buildChannelVectors() {
  let counter = 0;
  const engine = createNobleEngine({ random: (length) => bytesFor(`engine ${counter++}`, length) });
  const cases: Case[] = [];
  /** The outcome is stated, never recorded: another one is an error here. */
  const add = async (expected: string, name: string, operation: string, input: Fields): Promise<Fields> => {
    const got = await runCase(engine, operation, input);
    if (got.expect !== expected) throw new Error(`${name}: ${got.expect} instead of ${expected}`);
    cases.push({ name, operation, input, expect: expected, ...(got.output ? { output: got.output } : {}) });
    return got.output ?? {};
  };

  const domainOf = (label: string, domainId: DomainId) => {
    const scalar = (of: string) => {
      const bytes = bytesFor(`${label} ${of}`, 32);
      bytes[0] = 0; // below the order
      return bytes;
    };
    const masters = ["1", "2", "3"].map((i) => parseMasterSecretShare(engine, "id", scalar(`id ${i}`)));
    const statements = ["1", "2", "3"].map((i) =>
      parseMasterSecretShare(engine, "statement", scalar(`statement ${i}`)),
    );
    const publicKey = combinePublicShares(
      engine,
      masters.map((master) => derivePublicShare(engine, master)),
    );
    const fields: DomainFields = {
      id: encodeHex(domainId),
      name: "example",
      epochSeconds: EPOCH_SECONDS,
      publicKey: encodeHex(encodeDomainPublicKey(engine, publicKey)),
      statementKeys: statements.map((share) => encodeHex(encodePublicShare(engine, derivePublicShare(engine, share)))),
    };
    const keyOf = (usage: "sig" | "kex", identity: Identity, epoch: Epoch = EPOCH): string => {
      const input = identityInput(domainId, usage, identity, epoch);
      const shares = masters.map((master) => issueIdentityKeyShare(engine, master, input, usage));
      return encodeHex(encodeIdentityKey(engine, combineIdentityKeyShares(engine, shares)));
    };
    return { fields, keyOf };
  };
  const { fields: domain, keyOf } = domainOf("domain", parseDomainId(bytesFor("domain id", 32)));
  const other = domainOf("other domain", parseDomainId(bytesFor("other domain id", 32)));

  const selfOf = (identity: Identity, epoch: Epoch = EPOCH, key = keyOf("sig", identity, epoch)) => ({
    kind: "identity",
    identity,
    epoch,
    key,
  });
  const alice = { domain, nowMs: NOW_MS, self: selfOf(ALICE), random: hexFor("initiator", 160) };
  const bob = { domain, nowMs: NOW_MS, self: selfOf(BOB), random: hexFor("responder", 128) };
  const stream = { stream: true, grant: false };

  // One whole agreement, message by message.
  const [offer = ""] = (await add("ok", "offer", "initiate", { ...alice, purpose: stream, received: [] }))[
    "sent"
  ] as string[];
  const [answer = ""] = (await add("ok", "answer", "respond", { ...bob, received: [offer] }))["sent"] as string[];
  const ours = await add("ok", "proof, and the initiator's key", "initiate", {
    ...alice,
    purpose: stream,
    received: [answer],
  });
  const proof = (ours["sent"] as string[])[1] ?? "";
  const theirs = await add("ok", "the responder's key", "respond", { ...bob, received: [offer, proof] });
  if (ours["psk"] !== theirs["psk"] || ours["pskName"] !== theirs["pskName"]) throw new Error("two keys");

  const begin = (change: Fields, received: string[], from: Fields = alice): Fields => ({
    ...from,
    purpose: stream,
    ...change,
    received,
  });
  await add("ERR_CHANNEL_AGREEMENT", "the answer's nonce changed", "initiate", begin({}, [flip(answer, 8)]));
  await add("ERR_CHANNEL_AGREEMENT", "the answer's X25519 share changed", "initiate", begin({}, [flip(answer, 40)]));
  await add(
    "ERR_CHANNEL_AGREEMENT",
    "the answer's ML-KEM ciphertext changed",
    "initiate",
    begin({}, [flip(answer, 72)]),
  );
  await add("ERR_CHANNEL_AGREEMENT", "the answer's sealed part changed", "initiate", begin({}, [flip(answer, -1)]));
  await add(
    "ERR_CHANNEL_AGREEMENT",
    "an answer to another offer",
    "initiate",
    begin({ random: hexFor("another initiator", 160) }, [answer]),
  );
  await add("ERR_CHANNEL_MESSAGE", "the answer cut short", "initiate", begin({}, [answer.slice(0, -2)]));
  await add("ERR_CHANNEL_MESSAGE", "a proof where an answer belongs", "initiate", begin({}, [proof]));
  await add("ERR_CHANNEL_MESSAGE", "the offer, reflected", "initiate", begin({}, [offer]));
  await add(
    "ERR_VERSION_UNSUPPORTED",
    "an answer of version 2",
    "initiate",
    begin({}, [`4d4c474302${answer.slice(10)}`]),
  );
  await add(
    "ERR_EPOCH_OUT_OF_WINDOW",
    "the responder's epoch is over",
    "initiate",
    begin({ nowMs: NOW_MS + 86_400_000 }, [answer]),
  );
  await add("ERR_CHANNEL_BUSY", "a refusal", "initiate", begin({}, ["4d4c4743010f000104"]));
  await add("ERR_CHANNEL_MESSAGE", "a refusal without a known reason", "initiate", begin({}, ["4d4c4743010f0001ff"]));

  const liar = { ...bob, self: selfOf(BOB, EPOCH, keyOf("sig", ALICE)) };
  const [forged = ""] = (
    await add("ok", "an answer signed with the initiator's own key", "respond", { ...liar, received: [offer] })
  )["sent"] as string[];
  await add("ERR_CHANNEL_AGREEMENT", "is not taken (key-compromise impersonation)", "initiate", begin({}, [forged]));
  const stranger = { ...bob, self: selfOf(BOB, EPOCH, other.keyOf("sig", BOB)) };
  const [strange = ""] = (
    await add("ok", "an answer signed with a key of another domain", "respond", { ...stranger, received: [offer] })
  )["sent"] as string[];
  await add("ERR_CHANNEL_AGREEMENT", "is not taken", "initiate", begin({}, [strange]));

  await add("ERR_DOMAIN_MISMATCH", "an offer for another domain", "respond", {
    ...bob,
    domain: other.fields,
    received: [offer],
  });
  await add("ERR_VERSION_UNSUPPORTED", "an offer of another suite", "respond", {
    ...bob,
    received: [`${offer.slice(0, 16)}02${offer.slice(18)}`],
  });
  await add("ERR_CHANNEL_MESSAGE", "an offer without a purpose", "respond", {
    ...bob,
    received: [`${offer.slice(0, 18)}00${offer.slice(20)}`],
  });
  await add("ERR_CHANNEL_MESSAGE", "an offer with a purpose of a later version", "respond", {
    ...bob,
    received: [`${offer.slice(0, 18)}04${offer.slice(20)}`],
  });
  const zeroPoint = `${offer.slice(0, 148)}${"00".repeat(32)}${offer.slice(212)}`;
  await add("ERR_CHANNEL_AGREEMENT", "an offer whose X25519 share is zero", "respond", {
    ...bob,
    received: [zeroPoint],
  });
  const notCanonical = `${offer.slice(0, 212)}ffff${offer.slice(216)}`;
  await add("ERR_CHANNEL_AGREEMENT", "an offer whose ML-KEM key is not canonical", "respond", {
    ...bob,
    received: [notCanonical],
  });
  await add("ERR_CHANNEL_AGREEMENT", "the proof changed", "respond", { ...bob, received: [offer, flip(proof, -1)] });
  await add("ERR_CHANNEL_AGREEMENT", "the proof's header changed in its length only", "respond", {
    ...bob,
    received: [
      offer,
      `${proof.slice(0, 12)}${(proof.length / 2 - 7).toString(16).padStart(4, "0")}${proof.slice(16)}00`,
    ],
  });
  await add("ERR_CHANNEL_AGREEMENT", "the purpose changed on the way", "respond", {
    ...bob,
    received: [`${offer.slice(0, 18)}03${offer.slice(20)}`, proof],
  });
  await add("ERR_CHANNEL_AGREEMENT", "the agreement replayed", "respond", {
    ...bob,
    random: hexFor("another responder", 128),
    received: [offer, proof],
  });
  await add("ERR_CHANNEL_MESSAGE", "a proof before the offer", "respond", { ...bob, received: [proof] });
  await add("ERR_CHANNEL_MESSAGE", "two offers", "respond", { ...bob, received: [offer, offer] });
  await add("ERR_EPOCH_OUT_OF_WINDOW", "the initiator's epoch is over", "respond", {
    ...bob,
    nowMs: NOW_MS + 86_400_000,
    received: [offer, proof],
  });

  // A grant, and nobody in particular.
  const nobody = { ...alice, self: { kind: "anonymous" }, random: hexFor("anonymous", 128) };
  const both = { stream: true, grant: true };
  const granting = { ...bob, grant: { identity: "a-name", lifetimeSeconds: 600 } };
  const [offer2 = ""] = (
    await add("ok", "an offer of nobody that asks for a grant", "initiate", { ...nobody, purpose: both, received: [] })
  )["sent"] as string[];
  const [answer2 = ""] = (await add("ok", "its answer", "respond", { ...granting, received: [offer2] }))[
    "sent"
  ] as string[];
  const proof2 =
    ((await add("ok", "its proof", "initiate", begin({ purpose: both }, [answer2], nobody)))["sent"] as string[])[1] ??
    "";
  const granted = (await add("ok", "the grant", "respond", { ...granting, received: [offer2, proof2] }))[
    "sent"
  ] as string[];
  await add("ok", "the granted key", "initiate", begin({ purpose: both }, [answer2, granted[1] ?? ""], nobody));
  await add(
    "ERR_CHANNEL_AGREEMENT",
    "the grant changed",
    "initiate",
    begin({ purpose: both }, [answer2, flip(granted[1] ?? "", -1)], nobody),
  );

  // Credentials.
  const identity = encodeHex(encodeCredential({ kind: "identity", identity: ALICE, epoch: EPOCH }));
  await add("ok", "an identity", "parse-credential", { bytes: identity });
  await add("ok", "a D-TA", "parse-credential", { bytes: "0203" });
  await add("ok", "nobody", "parse-credential", { bytes: "00" });
  for (const [name, bytes] of [
    ["empty", ""],
    ["an unknown kind", "09"],
    ["nobody, and something after", "0000"],
    ["an identity cut short", identity.slice(0, -2)],
    ["an identity with NUL", identity.replace("616c696365", "616c006365")],
    ["an identity in capitals", identity.replace("6578616d706c65", "4578616d706c65")],
    ["a person whose name is none of M-Pin", `03${identity.slice(2)}`],
  ] as const)
    await add("ERR_CHANNEL_MESSAGE", name, "parse-credential", { bytes });

  // Tickets.
  const ticketInput = {
    keyId: "00000001",
    key: hexFor("ticket key", 32),
    responder: encodeHex(encodeCredential({ kind: "identity", identity: BOB, epoch: EPOCH })),
  };
  const { ticket } = await add("ok", "a ticket", "seal-ticket", {
    ...ticketInput,
    random: hexFor("ticket nonce", 12),
    psk: hexFor("ticket psk", 32),
    expires: 1_728_003_600,
    peer: identity,
  });
  const opening = { ...ticketInput, ticket, domain: "example", nowMs: 1_728_003_000_000 };
  await add("ok", "opened", "open-ticket", opening);
  await add("ERR_CHANNEL_TICKET", "a ticket that is over", "open-ticket", { ...opening, nowMs: 1_728_003_600_000 });
  await add("ERR_CHANNEL_TICKET", "under another key", "open-ticket", {
    ...opening,
    key: hexFor("another ticket key", 32),
  });
  await add("ERR_CHANNEL_TICKET", "under a key of another name", "open-ticket", { ...opening, keyId: "00000002" });
  await add("ERR_CHANNEL_TICKET", "at another responder", "open-ticket", { ...opening, responder: identity });
  await add("ERR_CHANNEL_TICKET", "changed", "open-ticket", {
    ...opening,
    ticket: `${ticket.slice(0, 60)}${ticket[60] === "A" ? "B" : "A"}${ticket.slice(61)}`,
  });
  await add("ERR_CHANNEL_TICKET", "cut short", "open-ticket", { ...opening, ticket: ticket.slice(0, -4) });
  await add("ERR_CHANNEL_TICKET", "not base64url", "open-ticket", { ...opening, ticket: `${ticket}=` });

  // SOK.
  const sok = { domain, initiator: ALICE, responder: BOB, epoch: EPOCH };
  const one = await add("ok", "by SOK, the initiator", "sok", { ...sok, side: "initiator", key: keyOf("kex", ALICE) });
  const two = await add("ok", "by SOK, the responder", "sok", { ...sok, side: "responder", key: keyOf("kex", BOB) });
  if (one["psk"] !== two["psk"]) throw new Error("two keys by SOK");
  await add("ERR_PEER_INVALID", "by SOK with oneself", "sok", {
    ...sok,
    responder: ALICE,
    side: "initiator",
    key: keyOf("kex", ALICE),
  });
  for (const name of [
    "milagro-sok1.",
    "milagro-sok1.020000.service/alice",
    "milagro-sok1.20000.service",
    "milagro-sok1.20000.service/a\0",
    "milagro-sok2.20000.service/alice",
  ])
    await add("ERR_CHANNEL_TICKET", `the name ${JSON.stringify(name)}`, "parse-sok-name", { name, domain: "example" });

  return { scheme: "channel", source: "core/protocol/test/vectors/generate.ts", cases };
}

export const formatVectors = (file: object): string => `${JSON.stringify(file, null, 1)}\n`;

if (process.argv[1] === import.meta.filename) {
  for (const file of [await buildChannelVectors(), await buildAttributeVectors()])
    await writeFile(new URL(`../../../../vectors/milagro/${file.scheme}.json`, import.meta.url), formatVectors(file));
}
