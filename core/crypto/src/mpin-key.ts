/**
 * Client secrets of M-Pin: each D-TA issues a share and proves it, only the device adds them up.
 *
 *   share i:  Sᵢ = sᵢ·A                          A = H1(input), plain or DVS
 *   proof i:  DLEQ(g1, sᵢ·g1; A, Sᵢ), purpose "mpin client secret"
 *   secret:   S = Σ Sᵢ
 *
 * Each share is checked by its proof. The sum alone cannot be: that would take `s·g2`, which nobody may publish, because it
 * tests PINs offline. So every share is checked, n proofs at four multiplications each, and the lying D-TA is named at once.
 * @module
 */
import type { G1, G1Engine } from "@milagro/engine/engine";
import { type DleqProof, proveEqualLogs, verifyEqualLogs } from "./dleq.ts";
import { MilagroError } from "./error.ts";
import type { PublicShare } from "./master-public.ts";
import type { MasterSecretShare } from "./master-secret.ts";
import { hashMpin, type MpinInput } from "./mpin-identity.ts";
import { type OwnedG1, ownG1, sumOwnedG1 } from "./mpin-secret.ts";
import { baseMultiply1 } from "./precomputed.ts";

/** One D-TA's part of a client secret. */
export type MpinClientSecretShare = OwnedG1<"client secret share", MpinInput>;
/** The whole client secret. It lives from `combineClientSecretShares` to `createToken` and is never stored. */
export type MpinClientSecret = OwnedG1<"client secret", MpinInput>;

/** A share as its D-TA hands it out. */
export interface ProvenClientSecretShare {
  readonly share: MpinClientSecretShare;
  readonly proof: DleqProof;
}

const PURPOSE = "mpin client secret";

/** A D-TA's share with its proof. Deterministic. Whether the requester may have it has been decided and audited before. */
export function issueClientSecretShare(
  engine: G1Engine,
  master: MasterSecretShare<"mpin">,
  input: MpinInput,
): ProvenClientSecretShare {
  const base = hashMpin(engine, input);
  return master.use((scalar) => {
    const power = engine.g1.multiplySecret(base, scalar);
    const proof = proveEqualLogs(engine, scalar, baseMultiply1(engine, scalar), [{ base, power }], PURPOSE);
    return { share: ownG1(engine, "client secret share", input, power), proof };
  });
}

/** Whether this D-TA's share is right for the input it was parsed for. */
export function verifyClientSecretShare(
  engine: G1Engine,
  publicShare: Pick<PublicShare<"mpin">, "g1">,
  share: MpinClientSecretShare,
  proof: Uint8Array,
): boolean {
  const base = hashMpin(engine, share.input);
  return share.use((power) => verifyEqualLogs(engine, publicShare.g1, [{ base, power }], proof, PURPOSE));
}

/**
 * Adds the shares of all D-TAs, each verified before. The shares may be destroyed afterwards.
 * @throws `ERR_SHARE_INVALID` for no shares, shares for different inputs, and a sum that is the identity element
 */
export function combineClientSecretShares(
  engine: G1Engine,
  shares: readonly MpinClientSecretShare[],
): MpinClientSecret {
  const { input, sum } = sumOwnedG1(engine, shares);
  return ownG1(engine, "client secret", input, sum);
}

/** 48 bytes, for sealing to the requester and nothing else. The caller wipes them. */
export function encodeClientSecretShare(engine: G1Engine, share: MpinClientSecretShare): Uint8Array {
  return share.use((point) => engine.g1.encode(point));
}

/** From opened bytes, which the caller wipes. @throws `ERR_POINT_INVALID` */
export function parseClientSecretShare(engine: G1Engine, input: MpinInput, bytes: Uint8Array): MpinClientSecretShare {
  return ownG1(engine, "client secret share", input, decodeG1(engine, bytes));
}

/** One point in its compressed form, and nothing after it. @throws `ERR_POINT_INVALID` */
export function decodeG1(engine: G1Engine, bytes: Uint8Array): G1 {
  if (bytes.length !== engine.g1.encodedLength) throw new MilagroError("ERR_POINT_INVALID", "G1: another length");
  return engine.g1.decode(bytes);
}
