/**
 * What a key may be used for. The usage is part of every identity's hash, so keys of different usage are unrelated points.
 * @module
 */
import { MilagroError } from "./error.ts";

/** Usages served by the `id` master: decryption, signatures, key agreement. */
export type IdentityUsage = "enc" | "sig" | "kex";
/** All usages: with M-Pin client secrets and time permits of the `mpin` master. */
export type Usage = IdentityUsage | "mpin" | "permit";

/** All usages served by the `id` master. */
export const IDENTITY_USAGES: readonly IdentityUsage[] = ["enc", "sig", "kex"];
/** All usages. */
export const USAGES: readonly Usage[] = [...IDENTITY_USAGES, "mpin", "permit"];

/** @throws `ERR_USAGE_INVALID` */
export function parseUsage(text: string): Usage {
  const usage = USAGES.find((known) => known === text);
  if (!usage) throw new MilagroError("ERR_USAGE_INVALID", `a usage is one of ${USAGES.join(", ")}`);
  return usage;
}

/** @throws `ERR_USAGE_INVALID`, also for `mpin` and `permit`, which the `id` master never serves */
export function parseIdentityUsage(text: string): IdentityUsage {
  const usage = IDENTITY_USAGES.find((known) => known === text);
  if (!usage)
    throw new MilagroError("ERR_USAGE_INVALID", `an identity key's usage is one of ${IDENTITY_USAGES.join(", ")}`);
  return usage;
}
