/**
 * Another `mpin` master for tokens that exist: each D-TA replaces its share, the server collects its secret anew, and a device adds a
 * point to its token. The PIN is not asked for, the identity input stays what it was, and nothing is registered again.
 *
 *   D-TA i:   sᵢ' fresh,  δᵢ = sᵢ' − sᵢ              publishes Pᵢ' = sᵢ'·g1, proved as at the founding
 *   share i:  Uᵢ = δᵢ·A                               A = H1(input), as for the client secret
 *   proof i:  DLEQ(g1, Pᵢ' − Pᵢ; A, Uᵢ), purpose "mpin token update"
 *   device:   T' = T + Σ Uᵢ          with a DVS key:  T' = T + z·Σ Uᵢ
 *   server:   sQ' = Σ sᵢ'·Q                           collected like the first one
 *
 * `T' = (s + δ)·A − α·A` (times z before the PIN): what issuing by the new master would have made, with the same PIN.
 *
 * Security: U alone is worth nothing, since it lacks s·A; with the token it makes a token, still without the PIN. Who stole sQ before
 * learns nothing of sQ', because no δᵢ·Q is issued to anybody; who stole shares sᵢ before needs δᵢ·A, so a D-TA issues an update to the
 * device itself alone. A device may be refused it, which revokes it. Once δᵢ is erased, tokens that were not updated stay behind.
 * @module
 */
import type { G1Engine } from "@milagro/engine/engine";
import { type DleqProof, proveEqualLogs, verifyEqualLogs } from "./dleq.ts";
import { MilagroError } from "./error.ts";
import type { PublicShare } from "./master-public.ts";
import type { MasterSecretShare } from "./master-secret.ts";
import { hashMpin, type MpinInput } from "./mpin-identity.ts";
import { decodeG1 } from "./mpin-key.ts";
import { type OwnedG1, ownG1, sumOwnedG1 } from "./mpin-secret.ts";
import { baseMultiply1 } from "./precomputed.ts";

/** One D-TA's part of an update. */
export type TokenUpdateShare = OwnedG1<"token update share", MpinInput>;
/** What a device adds to its token. */
export type TokenUpdate = OwnedG1<"token update", MpinInput>;

/** A share as its D-TA hands it out. */
export interface ProvenTokenUpdateShare {
  readonly share: TokenUpdateShare;
  readonly proof: DleqProof;
}

/** One D-TA's master, before and after. */
export interface Replaced<T> {
  readonly before: T;
  readonly after: T;
}

const PURPOSE = "mpin token update";

/**
 * A D-TA's share with its proof. Deterministic. Whether the device may have it has been decided and audited before.
 * @throws TypeError for a master that did not change
 */
export function issueTokenUpdateShare(
  engine: G1Engine,
  { before, after }: Replaced<MasterSecretShare<"mpin">>,
  input: MpinInput,
): ProvenTokenUpdateShare {
  const base = hashMpin(engine, input);
  const difference = before.use((old) => after.use((fresh) => engine.scalars.subtract(fresh, old)));
  try {
    if (engine.scalars.equals(difference, engine.scalars.zero)) throw new TypeError("the master did not change");
    const power = engine.g1.multiplySecret(base, difference);
    const proof = proveEqualLogs(engine, difference, baseMultiply1(engine, difference), [{ base, power }], PURPOSE);
    return { share: ownG1(engine, "token update share", input, power), proof };
  } finally {
    engine.zeroise(difference);
  }
}

/** Whether this D-TA's share is right for the input it was parsed for. @param publicShares - as both descriptors have them, verified */
export function verifyTokenUpdateShare(
  engine: G1Engine,
  { before, after }: Replaced<Pick<PublicShare<"mpin">, "g1">>,
  share: TokenUpdateShare,
  proof: Uint8Array,
): boolean {
  const base = hashMpin(engine, share.input);
  const key = engine.g1.subtract(after.g1, before.g1);
  return share.use((power) => verifyEqualLogs(engine, key, [{ base, power }], proof, PURPOSE));
}

/** Adds the shares of all D-TAs, each verified before. @throws `ERR_SHARE_INVALID` as `combineClientSecretShares` */
export function combineTokenUpdateShares(engine: G1Engine, shares: readonly TokenUpdateShare[]): TokenUpdate {
  const { input, sum } = sumOwnedG1(engine, shares);
  return ownG1(engine, "token update", input, sum);
}

/** 48 bytes, for sealing to the device and nothing else. */
export function encodeTokenUpdateShare(engine: G1Engine, share: TokenUpdateShare): Uint8Array {
  return share.use((point) => engine.g1.encode(point));
}

/** @throws `ERR_POINT_INVALID`, the identity element included */
export function parseTokenUpdateShare(engine: G1Engine, input: MpinInput, bytes: Uint8Array): TokenUpdateShare {
  const point = decodeG1(engine, bytes);
  if (engine.g1.equals(point, engine.g1.identity))
    throw new MilagroError("ERR_POINT_INVALID", "G1: the identity element");
  return ownG1(engine, "token update share", input, point);
}
