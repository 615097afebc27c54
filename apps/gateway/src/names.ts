/**
 * From the names that clients use to those at the store, and back; and the tags likewise.
 * @module
 */
import { formatPolicy } from "@milagro/crypto/policy-format";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { Tags } from "./backend/backend.ts";
import { createNameCipher, type NameCipher } from "./format/names.ts";
import { createTagCipher, type TagCipher } from "./format/tags.ts";
import type { Keks } from "./keks.ts";
import type { Rules } from "./policies.ts";

export interface Names {
  isEncrypted(bucket: string): boolean;
  /** @param key - a whole key, or a prefix that ends with a slash */
  toStore(bucket: string, key: string): Promise<string>;
  /** @throws `ERR_OBJECT_CORRUPT` for a name that is none of ours */
  toClient(bucket: string, name: string): Promise<string>;
  sealTags(bucket: string, tags: Tags): Promise<Tags>;
  openTags(bucket: string, tags: Tags): Promise<Tags>;
}

interface BucketCiphers {
  readonly names: NameCipher;
  readonly tags: TagCipher;
}

export function createNames(parts: {
  readonly keks: Keks;
  readonly rules: Rules;
  readonly random: RandomBytes;
}): Names {
  const { keks, rules, random } = parts;
  const buckets = new Map<string, Promise<BucketCiphers>>();
  const open = async (bucket: string): Promise<BucketCiphers> => {
    const { kek } = await keks.forBucket(bucket, bucketPolicy(rules, bucket));
    const indexed = new Set(rules.bucket(bucket).indexedTags);
    return { names: createNameCipher(kek), tags: createTagCipher(random, kek, indexed) };
  };
  const ciphers = (bucket: string): Promise<BucketCiphers> => {
    const known = buckets.get(bucket);
    if (known) return known;
    const fresh = open(bucket);
    buckets.set(bucket, fresh);
    fresh.catch(() => buckets.delete(bucket));
    return fresh;
  };
  const isEncrypted = (bucket: string): boolean => rules.bucket(bucket).names === "encrypted";
  return {
    isEncrypted,
    toStore: async (bucket, key) => (isEncrypted(bucket) ? (await ciphers(bucket)).names.seal(key) : key),
    toClient: async (bucket, name) => (isEncrypted(bucket) ? (await ciphers(bucket)).names.open(name) : name),
    sealTags: async (bucket, tags) => (Object.keys(tags).length === 0 ? {} : (await ciphers(bucket)).tags.seal(tags)),
    openTags: async (bucket, tags) => (Object.keys(tags).length === 0 ? {} : (await ciphers(bucket)).tags.open(tags)),
  };
}

/** Whoever may read anything in the bucket may read its names. */
function bucketPolicy(rules: Rules, bucket: string): string {
  const texts = rules.rules
    .filter(({ bucket: pattern }) =>
      pattern.endsWith("*") ? bucket.startsWith(pattern.slice(0, -1)) : pattern === bucket,
    )
    .map(({ policy, residency }) => {
      const own = `(${formatPolicy(policy, { compact: true })})`;
      return residency ? `(${own}&(${formatPolicy(residency, { compact: true })}))` : own;
    });
  if (texts.length === 0) throw new MilagroError("ERR_NO_RULE", "no rule is about this bucket");
  return [...new Set(texts)].join("|");
}
