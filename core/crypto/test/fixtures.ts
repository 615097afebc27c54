/**
 * One trust domain of three D-TAs with random masters, made once per test file, and its keys on demand.
 * @module
 */
import { randomBytes } from "node:crypto";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { createNobleEngine } from "@milagro/engine/noble";
import { expect } from "vitest";
import { type DomainId, parseDomainId } from "../src/domain-id.ts";
import { type Epoch, parseEpoch } from "../src/epoch.ts";
import { MilagroError } from "../src/error.ts";
import { type Identity, parseIdentity } from "../src/identity.ts";
import { type IdentityInput, identityInput } from "../src/identity-input.ts";
import { combineIdentityKeyShares, type IdentityKey, issueIdentityKeyShare } from "../src/identity-key.ts";
import {
  combinePublicShares,
  type DomainPublicKey,
  derivePublicShare,
  type PublicShare,
} from "../src/master-public.ts";
import { generateMasterSecretShare, type MasterSecretShare } from "../src/master-secret.ts";
import type { IdentityUsage } from "../src/usage.ts";

export const random: RandomBytes = (length) => new Uint8Array(randomBytes(length));
export const engine: Engine = createNobleEngine({ random });
export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
export const NOTHING = new Uint8Array(0);

export const alice: Identity = parseIdentity("milagro:example/service/alice");
export const bob: Identity = parseIdentity("milagro:example/service/bob");
export const carol: Identity = parseIdentity("milagro:example/service/carol");
export const epoch: Epoch = parseEpoch(20_000);

export interface TestDomain {
  readonly domainId: DomainId;
  readonly shares: readonly MasterSecretShare<"id">[];
  readonly publicShares: readonly PublicShare<"id">[];
  readonly publicKey: DomainPublicKey<"id">;
}

export function makeDomain(): TestDomain {
  const shares = [1, 2, 3].map(() => generateMasterSecretShare(engine, "id"));
  const publicShares = shares.map((share) => derivePublicShare(engine, share));
  const domainId = parseDomainId(random(32));
  return { domainId, shares, publicShares, publicKey: combinePublicShares(engine, publicShares) };
}

export interface Holder<U extends IdentityUsage> {
  readonly input: IdentityInput;
  readonly key: IdentityKey<U>;
}

export function enrol<U extends IdentityUsage>(
  domain: TestDomain,
  usage: U,
  identity: Identity,
  at: Epoch = epoch,
): Holder<U> {
  const input = identityInput(domain.domainId, usage, identity, at);
  const shares = domain.shares.map((share) => issueIdentityKeyShare(engine, share, input, usage));
  return { input, key: combineIdentityKeyShares(engine, shares) };
}

/** The code of the MilagroError that `run` throws, which must not repeat its input. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(MilagroError);
    return (error as MilagroError).code;
  }
  return "ok";
}

/** As `codeOf`, for promises. */
export async function codeOfAsync(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(MilagroError);
    return (error as MilagroError).code;
  }
  return "ok";
}

/** A copy with one bit changed. */
export function flip<T extends Uint8Array>(input: T, index: number, bit = 0): T {
  const out = input.slice();
  const at = index < 0 ? input.length + index : index;
  out[at] = (out[at] as number) ^ (1 << bit);
  return out as T;
}
