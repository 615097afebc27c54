/**
 * How the operations of vectors/milagro/channel.json map to the library.
 *
 * A setting is `{ domain: { id, name, epochSeconds, publicKey, statementKeys }, nowMs, self, random }`; bytes are hexadecimal. `self` is `{ kind, … }` as a
 * credential, with `key` where it signs. `random` holds the bytes that a side draws, in this order: the initiator nonce (32), X25519 key (32), ML-KEM seed d ‖ z
 * (64), hedge of its signature (32); the responder nonce (32), X25519 key (32), ML-KEM message (32), hedge of its signature (32).
 * @module
 */

import { nobleAead } from "@milagro/crypto/aead";
import { encodeHex, parseHex } from "@milagro/crypto/bytes";
import { parseDomainId } from "@milagro/crypto/domain-id";
import { parseEpoch } from "@milagro/crypto/epoch";
import { signAs } from "@milagro/crypto/ibs";
import { parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import { parseIdentityKey } from "@milagro/crypto/identity-key";
import { parseDomainPublicKey, parsePublicShare } from "@milagro/crypto/master-public";
import { Secret } from "@milagro/crypto/secret";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { type Credential, encodeCredential, parseCredential, verifyCredential } from "../../src/channel-credential.ts";
import { parseFrame } from "../../src/channel-frame.ts";
import { beginAgreement } from "../../src/channel-initiator.ts";
import type { Agreed, ChannelPorts, ChannelPsk, OwnCredential } from "../../src/channel-party.ts";
import { answerAgreement } from "../../src/channel-responder.ts";
import { parseSokName, sokName, sokPsk } from "../../src/channel-sok.ts";
import { openTicket, sealTicket, type TicketKey } from "../../src/channel-ticket.ts";

export interface DomainFields {
  readonly id: string;
  readonly name: string;
  readonly epochSeconds: number;
  readonly publicKey: string;
  readonly statementKeys: readonly string[];
}
export interface SelfFields {
  readonly kind: "identity" | "anonymous";
  readonly identity?: string;
  readonly epoch?: number;
  readonly key?: string;
}
export interface SettingFields {
  readonly domain: DomainFields;
  readonly nowMs: number;
  readonly self: SelfFields;
  readonly random: string;
}
// biome-ignore lint/suspicious/noExplicitAny: test data, of a shape that each operation states
export type Fields = Readonly<Record<string, any>>;
export interface Result {
  readonly expect: string;
  readonly output?: Fields;
}

/** Hands out the given bytes in order. @throws TypeError when they are used up */
export function fixedRandom(hex: string): RandomBytes {
  let rest = parseHex(hex);
  return (length) => {
    if (rest.length < length) throw new TypeError("the vector's random bytes are used up");
    const out = rest.slice(0, length);
    rest = rest.slice(length);
    return out;
  };
}

function open(engine: Engine, { domain, nowMs, self, random }: SettingFields) {
  const draw = fixedRandom(random);
  const keys = {
    domainId: parseDomainId(parseHex(domain.id)),
    publicKey: parseDomainPublicKey(engine, "id", parseHex(domain.publicKey)),
    authorities: domain.statementKeys.map((key) => ({
      publicShares: { statement: parsePublicShare(engine, "statement", parseHex(key)) },
    })),
  };
  const ports: ChannelPorts = {
    random: draw,
    domain: { ...keys, name: domain.name, epochSeconds: domain.epochSeconds },
    clock: () => nowMs,
    verify: (claim) => verifyCredential(engine, keys, claim),
    decide: () => undefined,
  };
  return { ports, own: ownOf(engine, keys, draw, self) };
}

function ownOf(
  engine: Engine,
  keys: Pick<Parameters<typeof verifyCredential>[1], "domainId" | "publicKey">,
  draw: RandomBytes,
  self: SelfFields,
): OwnCredential {
  if (self.kind === "anonymous") return { credential: { kind: "anonymous" }, sign: () => new Uint8Array(0) };
  const [identity, epoch] = [parseIdentity(self.identity ?? ""), parseEpoch(self.epoch ?? -1)];
  const key = parseIdentityKey(engine, "sig", parseHex(self.key ?? ""));
  const input = identityInput(keys.domainId, "sig", identity, epoch);
  return {
    credential: { kind: "identity", identity, epoch },
    sign: (message) => signAs(engine, draw, key, keys.publicKey, input, message),
  };
}

const hexOf = (psk: Secret<string>): string => psk.use((bytes) => encodeHex(bytes));
const result = ({ peer, psk, pskName, grant }: Agreed): Fields => ({
  peer: encodeHex(encodeCredential(peer)),
  psk: hexOf(psk),
  pskName,
  ...(grant
    ? { grant: { identity: grant.identity, lifetimeSeconds: grant.lifetimeSeconds, psk: hexOf(grant.psk) } }
    : {}),
});

async function initiate(engine: Engine, input: Fields): Promise<Fields> {
  const { ports, own } = open(engine, input as SettingFields);
  const initiator = beginAgreement({ ports, own, purpose: input["purpose"] });
  const sent = [initiator.offer];
  let agreed: Agreed | undefined;
  for (const message of input["received"] as string[]) {
    const step = await initiator.receive(parseFrame(parseHex(message)));
    if (step.send) sent.push(step.send);
    agreed = step.agreed;
  }
  return { sent: sent.map(encodeHex), ...(agreed ? result(agreed) : {}) };
}

async function respond(engine: Engine, input: Fields): Promise<Fields> {
  const { ports, own } = open(engine, input as SettingFields);
  const grant = input["grant"] ? { grant: () => input["grant"] } : {};
  const responder = answerAgreement({ ports, own, ...grant });
  const sent: Uint8Array[] = [];
  let agreed: Agreed | undefined;
  for (const message of input["received"] as string[]) {
    const step = await responder.receive(parseFrame(parseHex(message)));
    if (step.send) sent.push(step.send);
    agreed = step.agreed;
  }
  return { sent: sent.map(encodeHex), ...(agreed ? result(agreed) : {}) };
}

const ticketKeyOf = (input: Fields): TicketKey => ({
  id: parseHex(input["keyId"]),
  key: new Secret("ticket key", parseHex(input["key"])),
});
const credentialOf = (hex: string): Credential => parseCredential(parseHex(hex));

function seal(_: Engine, input: Fields): Fields {
  const psk: ChannelPsk = new Secret("channel PSK", parseHex(input["psk"]));
  const content = { psk, expires: input["expires"], peer: credentialOf(input["peer"]) };
  const text = sealTicket(
    nobleAead,
    fixedRandom(input["random"]),
    ticketKeyOf(input),
    credentialOf(input["responder"]),
    content,
  );
  return text === undefined ? {} : { ticket: text };
}

function openOne(_: Engine, input: Fields): Fields {
  const { psk, expires, peer } = openTicket(nobleAead, [ticketKeyOf(input)], {
    text: input["ticket"],
    domain: input["domain"],
    responder: credentialOf(input["responder"]),
    nowMs: input["nowMs"],
  });
  return { psk: hexOf(psk), expires, peer: encodeHex(encodeCredential(peer)) };
}

function sok(engine: Engine, input: Fields): Fields {
  const { domain, side } = input as { domain: DomainFields; side: "initiator" | "responder" };
  const names = {
    initiator: parseIdentity(input["initiator"]),
    responder: parseIdentity(input["responder"]),
    epoch: parseEpoch(input["epoch"]),
  };
  const keys = {
    domainId: parseDomainId(parseHex(domain.id)),
    publicKey: parseDomainPublicKey(engine, "id", parseHex(domain.publicKey)),
  };
  const key = parseIdentityKey(engine, "kex", parseHex(input["key"]));
  return { name: sokName(names.initiator, names.epoch), psk: hexOf(sokPsk(engine, keys, key, side, names)) };
}

const OPERATIONS: Readonly<Record<string, (engine: Engine, input: Fields) => Fields | Promise<Fields>>> = {
  initiate,
  respond,
  "parse-credential": (_, input) => ({ credential: encodeHex(encodeCredential(credentialOf(input["bytes"]))) }),
  "seal-ticket": seal,
  "open-ticket": openOne,
  sok,
  "parse-sok-name": (_, input) => ({ ...parseSokName(input["name"], input["domain"]) }),
};

export async function runCase(engine: Engine, operation: string, input: Fields): Promise<Result> {
  const run = OPERATIONS[operation];
  if (!run) throw new TypeError(`no operation ${operation}`);
  try {
    return { expect: "ok", output: await run(engine, input) };
  } catch (error) {
    if (!(error instanceof MilagroError)) throw error;
    return { expect: error.code };
  }
}
