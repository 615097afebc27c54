/**
 * A second implementation of M-Pin's checking sides, written from docs/spec/mpin.md on `@noble/curves` and node:crypto alone: it
 * shares no code with `src`, and takes the same vectors. Refusals are left to SLOW=1.
 */
import { createHash, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { expect, test } from "vitest";

const { G1, G2 } = bls12_381;
const { Fp12, Fr } = bls12_381.fields;
type P1 = ReturnType<typeof G1.Point.fromBytes>;
type P2 = ReturnType<typeof G2.Point.fromBytes>;
type Fp12Element = ReturnType<typeof bls12_381.pairing>;
type Fp2Element = { readonly c0: bigint; readonly c1: bigint };

const hex = (text: string): Buffer => Buffer.from(text, "hex");
const be = (value: number | bigint, length: number): Buffer => hex(value.toString(16).padStart(2 * length, "0"));
const integer = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
const cat = (...parts: Uint8Array[]): Buffer => Buffer.concat(parts);
const transcript = (label: string, ...fields: Uint8Array[]): Buffer =>
  cat(be(label.length, 1), Buffer.from(label), ...fields.flatMap((field) => [be(field.length, 4), field]));
const hash = (algorithm: string, label: string, ...fields: Uint8Array[]): Buffer =>
  createHash(algorithm)
    .update(transcript(label, ...fields))
    .digest();
const digest = (label: string, ...fields: Uint8Array[]): Buffer => hash("sha256", label, ...fields);
const toScalar = (label: string, ...fields: Uint8Array[]): bigint =>
  integer(hash("sha384", label, ...fields)) % Fr.ORDER;
const short = (label: string, ...fields: Uint8Array[]): bigint => integer(digest(label, ...fields).subarray(0, 16));
const deriveKey = (key: Uint8Array, label: string, ...fields: Uint8Array[]): Buffer =>
  Buffer.from(hkdfSync("sha256", key, "", transcript(label, ...fields), 32));
const toPoint = (input: Uint8Array, role: string): P1 =>
  G1.hashToCurve(input, { DST: `MILAGRO-V1-${role}-BLS12381G1_XMD:SHA-256_SSWU_RO_` }) as P1;
const times = (point: P1, k: bigint): P1 => (k === 0n ? G1.Point.ZERO : point.multiply(k));
const gtBytes = (gt: Fp12Element): Buffer => {
  const fp2 = ({ c0, c1 }: Fp2Element): Buffer => cat(be(c1, 48), be(c0, 48));
  return cat(...[gt.c1, gt.c0].flatMap(({ c0, c1, c2 }) => [fp2(c2), fp2(c1), fp2(c0)]));
};

interface Case {
  readonly name: string;
  readonly operation: string;
  readonly input: Record<string, string> & { readonly permitEpoch?: number; readonly permitInputs?: string[] };
  readonly expect: string;
  readonly output: Record<string, string>;
}
const cases = (scheme: string, operation: string): Case[] => {
  const file = new URL(`../../../vectors/milagro/${scheme}.json`, import.meta.url);
  const all = JSON.parse(readFileSync(file, "utf8")).cases as Case[];
  const slow = process.env["SLOW"] === "1";
  return all.filter((entry) => entry.operation === operation && (slow || entry.expect === "ok"));
};
const field = (entry: Case, name: string): Buffer => hex(entry.input[name] as string);
const text = (entry: Case, name: string): Buffer => Buffer.from(entry.input[name] as string);

/** Subgroup and curve are noble's to check; the identity element and the length are ours. */
function point(bytes: Uint8Array): P1 {
  if (bytes.length !== 48) throw new Error("length");
  const p = G1.Point.fromBytes(bytes);
  p.assertValidity();
  if (p.is0()) throw new Error("identity element");
  return p;
}

const isDvs = (input: Uint8Array): boolean => input[0] === 2;
const keyOf = (input: Uint8Array): P2 => (isDvs(input) ? G2.Point.fromBytes(input.subarray(-96)) : G2.Point.BASE);
function permitInput(entry: Case): Buffer {
  if (entry.input.permitEpoch === undefined) return Buffer.alloc(0);
  const input = field(entry, "input");
  const identity = input.subarray(38, 40 + input.readUInt16BE(38));
  return cat(be(1, 1), input.subarray(1, 33), Buffer.from("\x06permit"), identity, be(entry.input.permitEpoch, 8));
}
function loginPoint(entry: Case): P1 {
  const a = toPoint(field(entry, "input"), "ID");
  const permit = permitInput(entry);
  return permit.length === 0 ? a : a.add(toPoint(permit, "PERMIT"));
}
const contextOf = (entry: Case): Buffer[] => [
  field(entry, "session"),
  text(entry, "origin"),
  text(entry, "client"),
  field(entry, "payloadHash"),
];

function equationHolds(entry: Case, u: Uint8Array, v: Uint8Array, y: bigint): boolean {
  try {
    const left = bls12_381.pairing(point(v), keyOf(field(entry, "input")));
    const sum = point(u).add(times(loginPoint(entry), y));
    const right = bls12_381.pairing(sum, G2.Point.fromBytes(field(entry, "serverSecret")));
    return Fp12.eql(Fp12.mul(left, right), Fp12.ONE);
  } catch {
    return false;
  }
}

function equalLogs(key: Buffer, pairs: [P1, P1][], proof: Buffer, purpose: string): boolean {
  if (proof.length !== 64) return false;
  const [c, z] = [integer(proof.subarray(0, 32)), integer(proof.subarray(32))];
  const points = pairs.flatMap(([base, power]) => [base.toBytes(), power.toBytes()]);
  const seed = digest("MILAGRO-V1-DLEQ-SEED", Buffer.from(purpose), key, ...points);
  const weights = pairs.map((_, j) => toScalar("MILAGRO-V1-DLEQ-WEIGHT", seed, be(j, 2)));
  const sum = (side: 0 | 1): P1 =>
    pairs.reduce((total, pair, j) => total.add(times(pair[side], weights[j] as bigint)), G1.Point.ZERO);
  const [m, zPoint] = [sum(0), sum(1)];
  const t1 = times(G1.Point.BASE, z).add(times(point(key), c));
  const t2 = times(m, z).add(times(zPoint, c));
  const challenge = [m, zPoint, t1, t2].map((p) => p.toBytes());
  return toScalar("MILAGRO-V1-DLEQ-CHALLENGE", seed, ...challenge) === c;
}

test.each(cases("mpin-issuance", "mpin-verify-client"))("$name: $expect", (entry) => {
  const pair = (): [P1, P1] => [toPoint(field(entry, "input"), "ID"), point(field(entry, "share"))];
  const run = () => equalLogs(field(entry, "publicShare"), [pair()], field(entry, "proof"), "mpin client secret");
  if (entry.expect === "ERR_POINT_INVALID") expect(run).toThrow();
  else expect(run()).toBe(entry.expect === "ok");
});

test.each(cases("mpin-issuance", "mpin-verify-signing"))("$name: $expect", (entry) => {
  const input = field(entry, "input");
  const isSigning = input.subarray(33, 37).equals(Buffer.from("\x03sig"));
  const pair = (): [P1, P1] => [toPoint(input, "ID"), point(field(entry, "share"))];
  const run = () => equalLogs(field(entry, "publicShare"), [pair()], field(entry, "proof"), "identity key share");
  if (entry.expect === "ERR_POINT_INVALID") expect(run).toThrow();
  else expect(isSigning && run()).toBe(entry.expect === "ok");
});

test.each(cases("mpin-issuance", "mpin-verify-permits"))("$name: $expect", (entry) => {
  const shares = entry.input["shares"] as unknown as string[];
  const pairs = (entry.input.permitInputs ?? []).map((input, j): [P1, P1] => [
    toPoint(hex(input), "PERMIT"),
    point(hex(shares[j] as string)),
  ]);
  const holds = equalLogs(field(entry, "publicShare"), pairs, field(entry, "proof"), "mpin time permit");
  expect(holds).toBe(entry.expect === "ok");
});

test.each(cases("mpin-issuance", "mpin-verify-dvs"))("$name: $expect", (entry) => {
  const [input, proof] = [field(entry, "input"), field(entry, "proof")];
  const [r, w] = [proof.subarray(0, 96), integer(proof.subarray(96))];
  const c = toScalar("MILAGRO-V1-MPIN-DVS-PROOF", r, input);
  const expected = G2.Point.BASE.multiply(w).subtract(keyOf(input).multiply(c));
  expect(isDvs(input) && Buffer.from(expected.toBytes()).equals(r)).toBe(entry.expect === "ok");
});

test.each(cases("mpin-update", "mpin-verify-update"))("$name: $expect", (entry) => {
  const pair = (): [P1, P1] => [toPoint(field(entry, "input"), "ID"), point(field(entry, "share"))];
  const difference = point(field(entry, "publicShareAfter")).subtract(point(field(entry, "publicShareBefore")));
  const run = () => equalLogs(Buffer.from(difference.toBytes()), [pair()], field(entry, "proof"), "mpin token update");
  if (entry.expect === "ERR_POINT_INVALID") expect(run).toThrow();
  else expect(run()).toBe(entry.expect === "ok");
});

test.each(cases("mpin-update", "mpin-update-token").filter(({ expect: e }) => e === "ok"))("$name", (entry) => {
  const token = field(entry, "token");
  const shares = (entry.input as unknown as { shares: string[] }).shares.map((share) => point(hex(share)));
  const update = shares.reduce((sum, share) => sum.add(share), G1.Point.ZERO);
  const z = token.subarray(48);
  const moved = z.length > 0 ? times(update, integer(z)) : update;
  expect(cat(point(token.subarray(0, 48)).add(moved).toBytes(), z).toString("hex")).toBe(entry.output["token"]);
});

test.each(cases("mpin-login", "mpin-token"))("$name: $expect", (entry) => {
  if (!/^[0-9]{4,8}$/.test(text(entry, "pin").toString())) {
    expect(entry.expect).toBe("ERR_PIN_INVALID");
    return;
  }
  const input = field(entry, "input");
  const factor = hex(entry.input["deviceFactor"] ?? "");
  const alpha = toScalar("MILAGRO-V1-MPIN-PIN", input, text(entry, "pin"), factor);
  const z = hex(entry.input["z"] ?? "");
  const secret = point(field(entry, "clientSecret"));
  const whole = z.length > 0 ? times(secret, integer(z)) : secret;
  const token = cat(whole.subtract(times(toPoint(input, "ID"), alpha)).toBytes(), z);
  expect(token.toString("hex")).toBe(entry.output["token"]);
});

test.each(cases("mpin-login", "mpin-verify-login"))("$name: $expect", (entry) => {
  const [u, v] = [field(entry, "u"), field(entry, "v")];
  const fields = [field(entry, "input"), permitInput(entry), ...contextOf(entry), u, field(entry, "nonce")];
  const holds = equationHolds(entry, u, v, short("MILAGRO-V1-MPIN-LOGIN", ...fields));
  expect(holds && field(entry, "nonce").length === 32).toBe(entry.expect === "ok");
});

test.each(cases("mpin-login", "mpin-verify-one-pass"))("$name: $expect", (entry) => {
  const [proof, input] = [field(entry, "proof"), field(entry, "input")];
  const [time, u, v] = [proof.subarray(0, 8), proof.subarray(8, 56), proof.subarray(56)];
  const spoken = [text(entry, "origin"), text(entry, "client"), field(entry, "message")];
  const y = short("MILAGRO-V1-MPIN-ONE-PASS", input, permitInput(entry), time, ...spoken, u);
  const { nowMs, window } = entry.input as unknown as { readonly nowMs: number; readonly window: number };
  const timely = Math.abs(nowMs - Number(integer(time)) * 1000) <= window * 1000;
  expect(timely && equationHolds(entry, u, v, y)).toBe(entry.expect === "ok");
  if (entry.expect !== "ok") return;
  expect(digest("MILAGRO-V1-MPIN-ONE-PASS-REPLAY", input, u).toString("hex")).toBe(entry.output["replayKey"]);
});

test.each(cases("mpin-full", "mpin-full-accept"))("$name: $expect", (entry) => {
  const random = field(entry, "random");
  const [w, nonce] = [integer(random.subarray(0, 48)) % Fr.ORDER, random.subarray(48)];
  const [u, r, v, a] = [field(entry, "u"), field(entry, "r"), field(entry, "v"), loginPoint(entry)];
  const input = field(entry, "input");
  const fields = [input, permitInput(entry), text(entry, "server"), ...contextOf(entry)];
  const all = [...fields, u, r, nonce, times(a, w).toBytes()];
  let key: Buffer | undefined;
  if (equationHolds(entry, u, v, short("MILAGRO-V1-MPIN-FULL", ...all)) && !G1.Point.fromBytes(r).is0()) {
    const sum = point(r).add(times(a, toScalar("MILAGRO-V1-MPIN-FULL-H", ...all)));
    const gt = bls12_381.pairing(sum, G2.Point.fromBytes(field(entry, "serverSecret")));
    const k = cat(gtBytes(gt), times(point(u), w).toBytes());
    const th = digest("MILAGRO-V1-MPIN-FULL-TRANSCRIPT", ...all, v);
    if (deriveKey(k, "MILAGRO-V1-MPIN-FULL-CLIENT", th).equals(field(entry, "confirmation"))) {
      key = deriveKey(k, "MILAGRO-V1-MPIN-FULL-KEY", th);
      const confirmation = deriveKey(k, "MILAGRO-V1-MPIN-FULL-SERVER", th).toString("hex");
      expect(confirmation).toBe(entry.output["serverConfirmation"]);
    }
  }
  expect(key?.toString("hex")).toBe(entry.expect === "ok" ? entry.output["key"] : undefined);
});
