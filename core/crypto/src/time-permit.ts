/**
 * Time permits of M-Pin: what a device needs beside its token, anew in each epoch. Any single D-TA revokes a device by not
 * issuing the next one. A permit is worth nothing without the token, so it may be handed out without asking for the PIN.
 *
 *   share i:  sᵢ·A_T                              A_T = H1(permit input) under its own tag
 *   proof i:  one DLEQ over all permits of the answer, purpose "mpin time permit"
 *   permit:   Σ sᵢ·A_T
 * @module
 */
import type { G1Engine } from "@milagro/engine/engine";
import { type DleqPair, type DleqProof, proveEqualLogs, verifyEqualLogs } from "./dleq.ts";
import type { PublicShare } from "./master-public.ts";
import type { MasterSecretShare } from "./master-secret.ts";
import { hashPermit, type PermitInput } from "./mpin-identity.ts";
import { decodeG1 } from "./mpin-key.ts";
import { type OwnedG1, ownG1, sumOwnedG1 } from "./mpin-secret.ts";
import { baseMultiply1 } from "./precomputed.ts";

/** One D-TA's part of a permit. */
export type TimePermitShare = OwnedG1<"time permit share", PermitInput>;
/** The permit of one identity for one epoch. */
export type TimePermit = OwnedG1<"time permit", PermitInput>;

/** Shares for any number of epochs or identities under one proof. */
export interface ProvenTimePermitShares {
  readonly shares: readonly TimePermitShare[];
  readonly proof: DleqProof;
}

const PURPOSE = "mpin time permit";

/** A D-TA's shares, in the order of the inputs. Deterministic. @throws TypeError for no inputs */
export function issueTimePermitShares(
  engine: G1Engine,
  master: MasterSecretShare<"mpin">,
  inputs: readonly PermitInput[],
): ProvenTimePermitShares {
  return master.use((scalar) => {
    const pairs = inputs.map((input): DleqPair => {
      const base = hashPermit(engine, input);
      return { base, power: engine.g1.multiplySecret(base, scalar) };
    });
    const proof = proveEqualLogs(engine, scalar, baseMultiply1(engine, scalar), pairs, PURPOSE);
    const shares = inputs.map((input, j) => ownG1(engine, "time permit share", input, (pairs[j] as DleqPair).power));
    return { shares, proof };
  });
}

/** Whether all shares of one D-TA's answer are right for the inputs they were parsed for, in the order of issue. */
export function verifyTimePermitShares(
  engine: G1Engine,
  publicShare: Pick<PublicShare<"mpin">, "g1">,
  shares: readonly TimePermitShare[],
  proof: Uint8Array,
): boolean {
  const pairs = shares.map((share) => ({ base: hashPermit(engine, share.input), power: share.use((point) => point) }));
  return verifyEqualLogs(engine, publicShare.g1, pairs, proof, PURPOSE);
}

/** Adds the shares of all D-TAs for one input. @throws `ERR_SHARE_INVALID` as `combineClientSecretShares` */
export function combineTimePermitShares(engine: G1Engine, shares: readonly TimePermitShare[]): TimePermit {
  const { input, sum } = sumOwnedG1(engine, shares);
  return ownG1(engine, "time permit", input, sum);
}

/** 48 bytes. */
export function encodeTimePermitShare(engine: G1Engine, share: TimePermitShare): Uint8Array {
  return share.use((point) => engine.g1.encode(point));
}

/** @throws `ERR_POINT_INVALID` */
export function parseTimePermitShare(engine: G1Engine, input: PermitInput, bytes: Uint8Array): TimePermitShare {
  return ownG1(engine, "time permit share", input, decodeG1(engine, bytes));
}

/** 48 bytes, for storing beside the token. */
export function encodeTimePermit(engine: G1Engine, permit: TimePermit): Uint8Array {
  return permit.use((point) => engine.g1.encode(point));
}

/** From stored bytes. @throws `ERR_POINT_INVALID` */
export function parseTimePermit(engine: G1Engine, input: PermitInput, bytes: Uint8Array): TimePermit {
  return ownG1(engine, "time permit", input, decodeG1(engine, bytes));
}
