/**
 * Identity key shares with a proof of equal logarithms, for requesters that cannot pair: each share of G1 is checked by four
 * multiplications, which also names the D-TA that lied. Pairings check the sum alone; here every share is checked.
 *
 *   proof i:  DLEQ(g1, sᵢ·g1; H1(ID*), dᵢ), purpose "identity key share"
 *
 * For `sig` only: the half of a `kex` key that lies in G2 has no such proof, and nothing asks for one of `enc`.
 * @module
 */
import type { G1, G1Engine } from "@milagro/engine/engine";
import { type DleqProof, proveEqualLogs, verifyEqualLogs } from "./dleq.ts";
import { hashIdentity1, type IdentityInput } from "./identity-input.ts";
import { type IdentityKeyShare, isInputFor } from "./identity-key.ts";
import type { MasterSecretShare } from "./master-secret.ts";
import { baseMultiply1 } from "./precomputed.ts";

const PURPOSE = "identity key share";

/** Proves a share that this master made for this input. Deterministic. @throws TypeError when the input is for another usage */
export function proveIdentityKeyShare(
  engine: G1Engine,
  master: MasterSecretShare<"id">,
  input: IdentityInput,
  share: IdentityKeyShare<"sig">,
): DleqProof {
  if (!isInputFor(input, share.usage)) throw new TypeError("the identity input is for another usage");
  const base = hashIdentity1(engine, input);
  return master.use((scalar) =>
    share.use(({ g1: power }) =>
      proveEqualLogs(engine, scalar, baseMultiply1(engine, scalar), [{ base, power }], PURPOSE),
    ),
  );
}

/** Whether this D-TA's share is right for the input. False for an input of another usage and for bytes that are no proof. */
export function verifyProvenIdentityKeyShare(
  engine: G1Engine,
  publicShare: { readonly g1: G1 },
  input: IdentityInput,
  share: IdentityKeyShare<"sig">,
  proof: Uint8Array,
): boolean {
  if (!isInputFor(input, share.usage)) return false;
  const base = hashIdentity1(engine, input);
  return share.use(({ g1: power }) => verifyEqualLogs(engine, publicShare.g1, [{ base, power }], proof, PURPOSE));
}
