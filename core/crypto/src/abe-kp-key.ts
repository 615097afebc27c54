/**
 * Issuing and checking keys with a policy ("predicate keys").
 *
 *   seed   = deriveKey(αᵢ, "MILAGRO-V1-ABE-ISSUE", statement);  rⱼ = its first scalars, one for each use; then those that share αᵢ
 *   share  = (rⱼ·g2;  the rows of abe-rows.ts on g1, of the shares of αᵢ over the policy)
 *   check  weights w over all rows with Σ w·λ = W·αᵢ for every honest sharing (`checkWeights`); then, for a negated row (F, S) with a further
 *          random z, −w·F + z·(x·F + S) stands for w·row:   e(Σ w·row, g2) = e(W·g1, Pᵢ) · Πⱼ e(Σ w·h, rⱼ·g2)
 *
 * Each D-TA shares its own αᵢ with its own randomness; rows add up because sharing is linear.
 * @module
 */
import type { Engine, G1, G2, PairingInput, RandomBytes, Scalar } from "@milagro/engine/engine";
import { issueSeed } from "./abe-cp-key.ts";
import type { ApprovedEntitlement, KpEntitlement } from "./abe-entitlement.ts";
import { type AbeKey, type AbeKeyShare, makeShare, rowsOf, scalarStream } from "./abe-key.ts";
import { abePoints, valueScalar } from "./abe-points.ts";
import { maskRows, splitRows } from "./abe-rows.ts";
import { checkWeights, shareSecret } from "./abe-sharing.ts";
import { wipe } from "./bytes.ts";
import type { DomainPublicKey, PublicShare } from "./master-public.ts";
import type { MasterSecretShare } from "./master-secret.ts";
import { baseMultiply1, baseMultiply2, preparedLines, randomWeight } from "./precomputed.ts";

/** A D-TA's share. Deterministic. Whether the requester may have it was decided and audited before it was approved. */
export function issueKpKeyShare(
  engine: Engine,
  master: MasterSecretShare<"kp">,
  { entitlement, statement }: ApprovedEntitlement<KpEntitlement>,
): AbeKeyShare<"kp"> {
  if (master.scheme !== "kp") throw new TypeError("keys with a policy are issued from the kp master");
  const policy = rowsOf(entitlement);
  const seed = issueSeed(engine, master, statement);
  const draw = scalarStream(engine, seed);
  const uses = Array.from({ length: policy.uses }, draw);
  const shares = master.use((alpha) => shareSecret(engine, policy, alpha, draw));
  const timesG1 = (k: Scalar): G1 => baseMultiply1(engine, k);
  const rows = maskRows(engine, abePoints(engine, entitlement.scope), policy, shares, uses, timesG1);
  const share = makeShare<"kp">(engine, entitlement, { g2: uses.map((r) => baseMultiply2(engine, r)), g1: rows });
  draw.end();
  wipe(seed);
  engine.zeroise(...uses);
  // A gate k = 1 hands its own scalar on, so some of these may be the master's: those stay.
  if (policy.tree.kind === "gate" && policy.tree.k > 1) engine.zeroise(...new Set(shares));
  return share;
}

/** Whether this D-TA's share is right: names the one that lied, after the sum has failed. */
export function verifyKpKeyShare(
  engine: Engine,
  random: RandomBytes,
  publicShare: PublicShare<"kp">,
  share: AbeKeyShare<"kp">,
): boolean {
  return verify(engine, random, publicShare.g2, share);
}

/** Whether the key is the one of its entitlement. */
export function verifyKpKey(
  engine: Engine,
  random: RandomBytes,
  publicKey: DomainPublicKey<"kp">,
  key: AbeKey<"kp">,
): boolean {
  return verify(engine, random, publicKey.g2, key);
}

interface Sum {
  readonly points: G1[];
  readonly weights: Scalar[];
}

function verify(engine: Engine, random: RandomBytes, master: G2, key: AbeKeyShare<"kp"> | AbeKey<"kp">): boolean {
  const { g1, g2, scalars } = engine;
  const policy = rowsOf(key.entitlement);
  const points = abePoints(engine, key.entitlement.scope);
  const draw = (): Scalar => randomWeight(engine, random);
  const total = draw();
  const weights = checkWeights(engine, policy, total, draw);
  return key.use((own) => {
    const left: Sum = { points: [], weights: [] };
    const right = own.g2.map((): Sum => ({ points: [], weights: [] }));
    splitRows(policy, own.g1).forEach(([first, second], i) => {
      const row = policy.rows[i] as (typeof policy.rows)[number];
      const weight = weights[i] as Scalar;
      const hashes = right[row.use] as Sum;
      left.points.push(first as G1);
      if (row.kind !== "negation" || !second) {
        left.weights.push(weight);
        hashes.points.push(points.of(row));
        hashes.weights.push(weight);
        return;
      }
      const { h0, h1 } = points.negation(row.label);
      const z = draw();
      const factor = scalars.subtract(scalars.multiply(z, valueScalar(engine, row.label, row.value)), weight);
      left.points.push(second);
      left.weights.push(factor, z);
      hashes.points.push(h0, h1);
      hashes.weights.push(factor, z);
    });
    const sum = (each: Sum): G1 => g1.multiScalar(each.points, each.weights);
    return engine.pairingCheck([
      [sum(left), preparedLines(engine, g2.generator)],
      [g1.negate(g1.multiplyPublic(g1.generator, total)), preparedLines(engine, master)],
      ...right.map((each, use): PairingInput => [g1.negate(sum(each)), own.g2[use] as G2]),
    ]);
  });
}
