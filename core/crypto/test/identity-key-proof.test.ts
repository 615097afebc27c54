import { describe, expect, test } from "vitest";
import { verifyEqualLogs } from "../src/dleq.ts";
import { parseDomainId } from "../src/domain-id.ts";
import { NO_EXPIRY, parseEpoch } from "../src/epoch.ts";
import { parseIdentity } from "../src/identity.ts";
import { hashIdentity1, identityInput } from "../src/identity-input.ts";
import { issueIdentityKeyShare } from "../src/identity-key.ts";
import { proveIdentityKeyShare, verifyProvenIdentityKeyShare } from "../src/identity-key-proof.ts";
import { derivePublicShare } from "../src/master-public.ts";
import { generateMasterSecretShare } from "../src/master-secret.ts";
import { flip } from "./fixtures.ts";
import { engine } from "./mpin-fixtures.ts";

const domainId = parseDomainId(new Uint8Array(32).fill(5));
const device = parseIdentity("milagro:example.org/mpin/login.example.org/alice/k7w2m9x4ab");
const input = identityInput(domainId, "sig", device, NO_EXPIRY);
const master = generateMasterSecretShare(engine, "id");
const other = generateMasterSecretShare(engine, "id");
const publicShare = derivePublicShare(engine, master);
const share = issueIdentityKeyShare(engine, master, input, "sig");
const proof = proveIdentityKeyShare(engine, master, input, share);
const { capabilities, scalars, g1, zeroise, selfTest } = engine;
const verify = (
  claimed = share,
  given: Uint8Array = proof,
  at = input,
  by: { readonly g1: typeof publicShare.g1 } = publicShare,
) => verifyProvenIdentityKeyShare({ capabilities, scalars, g1, zeroise, selfTest }, by, at, claimed, given);

describe("a share of a signing key with its proof", () => {
  test("is right, by multiplications in G1 alone, and the same each time", () => {
    expect(verify()).toBe(true);
    expect(proveIdentityKeyShare(engine, master, input, share)).toEqual(proof);
  });

  test("is wrong with any other share, proof, input or D-TA", () => {
    expect(verify(issueIdentityKeyShare(engine, other, input, "sig"))).toBe(false);
    expect(verify(share, proveIdentityKeyShare(engine, other, input, share))).toBe(false);
    for (const at of [0, 31, 32, 63]) expect(verify(share, flip(proof, at))).toBe(false);
    expect(verify(share, proof.slice(1))).toBe(false);
    expect(verify(share, new Uint8Array(64))).toBe(false);
    expect(verify(share, proof, identityInput(domainId, "sig", device, parseEpoch(1)))).toBe(false);
    expect(verify(share, proof, identityInput(domainId, "enc", device, NO_EXPIRY))).toBe(false);
    expect(verify(share, proof, input, derivePublicShare(engine, other))).toBe(false);
  });

  test("is not proved for another usage, and its proof is none for another purpose", () => {
    const enc = identityInput(domainId, "enc", device, NO_EXPIRY);
    expect(() => proveIdentityKeyShare(engine, master, enc, share)).toThrow(TypeError);
    const pair = share.use((points) => ({ base: hashIdentity1(engine, input), power: points.g1 }));
    expect(verifyEqualLogs(engine, publicShare.g1, [pair], proof, "identity key share")).toBe(true);
    expect(verifyEqualLogs(engine, publicShare.g1, [pair], proof, "mpin client secret")).toBe(false);
  });
});
