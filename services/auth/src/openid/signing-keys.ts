/**
 * The provider's keys in the sealed key store: what signs its tokens and cookies, and what seals its records.
 *
 *   oidc/records   32 bytes
 *   oidc/cookies   JSON array of texts, the newest first; the older ones are still accepted
 *   oidc/signing   JSON array of private JWKs with the time they were made, the newest first; the older ones are still published
 * @module
 */

import { encodeBase64url } from "@milagro/crypto/base64url";
import { concat, utf8 } from "@milagro/crypto/bytes";
import type { RandomBytes } from "@milagro/engine/engine";
import type { Clock } from "@milagro/runtime/clock";
import type { KeyStore } from "@milagro/runtime/key-store";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose";

/** OpenID Connect Core §15.1 wants RS256 of everybody; ES256 is smaller and for whoever asks. */
const ALGORITHMS = ["ES256", "RS256"] as const;
const RSA_BITS = 3072;
/** How long a key stays published after another has taken over: longer than any token that it has signed. */
const RETIRE_AFTER_MS = 30 * 86_400_000;
const COOKIE_KEYS = 3;

export interface SigningKey {
  readonly madeMs: number;
  readonly jwk: JWK & { readonly kid: string; readonly alg: string };
}

export interface ProviderKeys {
  /** 32 bytes; the caller wipes them. */
  readonly records: Uint8Array;
  readonly cookies: readonly string[];
  /** The newest of each algorithm signs. */
  readonly signing: readonly SigningKey[];
}

interface KeyDeps {
  readonly store: KeyStore;
  readonly random: RandomBytes;
  readonly clock: Clock;
}

/** Opens the keys, and makes those that are not there. */
export async function openProviderKeys(deps: KeyDeps): Promise<ProviderKeys> {
  const found = read(deps.store);
  if (found) return found;
  const records = deps.random(32);
  await write(deps, { records, cookies: [cookieKey(deps.random)], signing: await freshKeys(deps.clock) });
  return read(deps.store) as ProviderKeys;
}

/** New keys for tokens and cookies. What the old ones have signed stays good for as long as it would have been. */
export async function rotateProviderKeys(deps: KeyDeps): Promise<ProviderKeys> {
  const { records, cookies, signing } = await openProviderKeys(deps);
  const kept = signing.filter(({ madeMs }, i) => {
    // A key went out of use when the next one of its kind was made.
    const next = signing.slice(0, i).findLast(({ jwk }) => jwk.alg === signing[i]?.jwk.alg);
    return (next?.madeMs ?? deps.clock()) + RETIRE_AFTER_MS > deps.clock() && madeMs <= deps.clock();
  });
  await write(deps, {
    records,
    cookies: [cookieKey(deps.random), ...cookies].slice(0, COOKIE_KEYS),
    signing: [...(await freshKeys(deps.clock)), ...kept],
  });
  return read(deps.store) as ProviderKeys;
}

const cookieKey = (random: RandomBytes): string => encodeBase64url(random(32));

async function freshKeys(clock: Clock): Promise<SigningKey[]> {
  return Promise.all(
    ALGORITHMS.map(async (alg) => {
      const pair = await generateKeyPair(alg, { extractable: true, modulusLength: RSA_BITS });
      const jwk = await exportJWK(pair.privateKey);
      const kid = await calculateJwkThumbprint(jwk);
      return { madeMs: clock(), jwk: { ...jwk, kid, alg, use: "sig" } };
    }),
  );
}

function read(store: KeyStore): ProviderKeys | undefined {
  const lend = <T>(name: string, use: (bytes: Uint8Array) => T): T | undefined => {
    const entry = store.get(name);
    try {
      return entry?.use(use);
    } finally {
      entry?.destroy();
    }
  };
  const json = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
  const records = lend("oidc/records", (bytes) => bytes.slice());
  const cookies = lend("oidc/cookies", json) as string[] | undefined;
  const signing = lend("oidc/signing", json) as SigningKey[] | undefined;
  return records && cookies && signing ? { records, cookies, signing } : undefined;
}

async function write({ store }: KeyDeps, { records, cookies, signing }: ProviderKeys): Promise<void> {
  const json = (value: unknown) => concat(utf8(JSON.stringify(value)));
  const set = { "oidc/records": records, "oidc/cookies": json(cookies), "oidc/signing": json(signing) };
  await store.update({ set });
  for (const bytes of Object.values(set)) bytes.fill(0);
}
