/**
 * Issuing and checking keys with attributes.
 *
 *   seed   = deriveKey(αᵢ, "MILAGRO-V1-ABE-ISSUE", statement);  tᵢ = the first scalar of seed
 *   share  = (tᵢ·g2;  αᵢ·g1 + tᵢ·B;  tᵢ·h for each component of the attribute set)
 *   check  e(sk3 + Σ δ·k, g2) = e(g1, Pᵢ) · e(B + Σ δ·h, sk1), random 128-bit δ: three pairings for a share or the sum
 *
 * Every D-TA draws its own tᵢ, and the key has t = Σ tᵢ: no common randomness is agreed, and a single honest D-TA makes t uniform
 * and unknown. tᵢ is a function of αᵢ and the whole approved statement (domain, scheme, epochs, identity, every attribute, request): the same
 * request gives the same share, two that differ in anything give unrelated ones. From the identity alone it would be one t for two
 * attribute sets, and their union a key.
 * @module
 */
import type { Engine, G1, G2, RandomBytes } from "@milagro/engine/engine";
import type { ApprovedEntitlement, CpEntitlement } from "./abe-entitlement.ts";
import { type AbeKey, type AbeKeyShare, makeShare, scalarStream } from "./abe-key.ts";
import { abePoints } from "./abe-points.ts";
import { componentsOf } from "./attribute-set.ts";
import { wipe } from "./bytes.ts";
import { deriveKey } from "./kdf.ts";
import type { DomainPublicKey, PublicShare } from "./master-public.ts";
import { encodeMasterSecretShare, type MasterSecretShare } from "./master-secret.ts";
import { baseMultiply1, baseMultiply2, preparedLines, randomWeight } from "./precomputed.ts";

/** The seed of a share's randomness. The caller wipes it. */
export function issueSeed(
  engine: Engine,
  master: MasterSecretShare<"cp"> | MasterSecretShare<"kp">,
  statement: Uint8Array,
): Uint8Array {
  const secret = encodeMasterSecretShare<"cp" | "kp">(engine, master as MasterSecretShare<"cp" | "kp">);
  const seed = deriveKey(secret, "MILAGRO-V1-ABE-ISSUE", statement);
  wipe(secret);
  return seed;
}

/** A D-TA's share. Deterministic. Whether the requester may have it was decided and audited before it was approved. */
export function issueCpKeyShare(
  engine: Engine,
  master: MasterSecretShare<"cp">,
  { entitlement, statement }: ApprovedEntitlement<CpEntitlement>,
): AbeKeyShare<"cp"> {
  if (master.scheme !== "cp") throw new TypeError("keys with attributes are issued from the cp master");
  const { g1 } = engine;
  const points = abePoints(engine, entitlement.scope);
  const seed = issueSeed(engine, master, statement);
  const draw = scalarStream(engine, seed);
  const t = draw();
  draw.end();
  wipe(seed);
  const masked = master.use((alpha) => g1.add(baseMultiply1(engine, alpha), points.baseTable.multiplySecret(t)));
  const components = g1.multiplySecretAll(componentsOf(entitlement.attributes).map(points.of), t);
  const share = makeShare<"cp">(engine, entitlement, { g2: [baseMultiply2(engine, t)], g1: [masked, ...components] });
  engine.zeroise(t);
  return share;
}

/** Whether this D-TA's share is right: names the one that lied, after the sum has failed. */
export function verifyCpKeyShare(
  engine: Engine,
  random: RandomBytes,
  publicShare: PublicShare<"cp">,
  share: AbeKeyShare<"cp">,
): boolean {
  return verify(engine, random, publicShare.g2, share);
}

/** Whether the key is the one of its entitlement. */
export function verifyCpKey(
  engine: Engine,
  random: RandomBytes,
  publicKey: DomainPublicKey<"cp">,
  key: AbeKey<"cp">,
): boolean {
  return verify(engine, random, publicKey.g2, key);
}

function verify(engine: Engine, random: RandomBytes, master: G2, key: AbeKeyShare<"cp"> | AbeKey<"cp">): boolean {
  const { g1, g2 } = engine;
  const points = abePoints(engine, key.entitlement.scope);
  const hashes = componentsOf(key.entitlement.attributes).map(points.of);
  const weights = hashes.map(() => randomWeight(engine, random));
  return key.use(({ g1: [masked, ...components], g2: [sk1] }) =>
    engine.pairingCheck([
      [g1.add(masked as G1, g1.multiScalar(components, weights)), preparedLines(engine, g2.generator)],
      [g1.negate(g1.generator), preparedLines(engine, master)],
      [g1.negate(g1.add(points.base, g1.multiScalar(hashes, weights))), sk1 as G2],
    ]),
  );
}
