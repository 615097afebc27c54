/**
 * The drand network runs Boneh–Franklin on this curve in public: its beacons are identity keys, its timelock files ciphertexts.
 * That the engine opens them shows that points, pairing, GT encoding and hashes are the world's, not only our own.
 */
import { describe, expect, test } from "vitest";
import beacons from "../../../../vectors/published/drand/beacons.json" with { type: "json" };
import timelock from "../../../../vectors/published/drand/timelock.json" with { type: "json" };
import { parseHex } from "../../src/bytes.ts";
import { engine, flip } from "../fixtures.ts";
import { beaconMessage, openAge, openStanza, parseAge } from "./timelock.ts";

const G1_TAG = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
const G2_TAG = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_";

interface Beacon {
  readonly round: number;
  readonly scheme: string;
  readonly public_key: string;
  readonly signature: string;
  readonly previous_signature?: string;
}

function verifyBeacon(beacon: Beacon): boolean {
  const previous = beacon.scheme.endsWith("-chained") ? parseHex(beacon.previous_signature ?? "") : undefined;
  const message = beaconMessage(beacon.round, previous);
  const [key, signature] = [parseHex(beacon.public_key), parseHex(beacon.signature)];
  if (beacon.scheme.startsWith("pedersen")) {
    const negated = engine.g1.negate(engine.g1.generator);
    const hashed = engine.g2.hash(message, G2_TAG);
    return engine.pairingCheck([
      [engine.g1.decode(key), hashed],
      [negated, engine.g2.decode(signature)],
    ]);
  }
  const hashed = engine.g1.hash(message, beacon.scheme === "bls-unchained-g1-rfc9380" ? G1_TAG : G2_TAG);
  return engine.pairingCheck([
    [hashed, engine.g2.decode(key)],
    [engine.g1.negate(engine.g1.decode(signature)), engine.g2.generator],
  ]);
}

const fromFiles: Beacon[] = timelock.map(({ chain, round, signature }) => ({
  round,
  signature,
  scheme: chain.scheme,
  public_key: chain.public_key,
}));

describe.each([...(beacons as Beacon[]), ...fromFiles])("the beacon of round $round, $scheme", (beacon) => {
  test("verifies, and for no other round", () => {
    expect(verifyBeacon(beacon)).toBe(true);
    expect(verifyBeacon({ ...beacon, round: beacon.round + 1 })).toBe(false);
  });
});

describe.each(timelock)("the timelock file $name", ({ armored, signature, plaintext }) => {
  const file = parseAge(armored);
  const beacon = parseHex(signature);

  test("opens to its text", () => {
    const fileKey = openStanza(engine, beacon, file.stanza);
    expect(fileKey).toBeDefined();
    expect(openAge(file, fileKey as Uint8Array)).toBe(plaintext);
  });

  test("does not open when U, V or W is changed, nor with another round's beacon", () => {
    const { stanza } = file;
    const other = timelock.find(
      (entry) => entry.signature !== signature && entry.signature.length === signature.length,
    );
    for (const at of [-32, -1]) expect(openStanza(engine, beacon, flip(stanza, at))).toBeUndefined();
    expect(openStanza(engine, beacon, flip(stanza, 0, 5))).toBeUndefined();
    if (other) expect(openStanza(engine, parseHex(other.signature), stanza)).toBeUndefined();
  });
});
