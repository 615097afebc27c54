/**
 * Where the gateway's keys come from: the port, behind which an endpoint's key ring or a file can stand.
 * @module
 */
import type { AbeKey } from "@milagro/crypto/abe-key";
import type { AbeScope } from "@milagro/crypto/abe-points";
import type { AttributeSchema } from "@milagro/crypto/attribute-schema";
import type { DomainId } from "@milagro/crypto/domain-id";
import { type Epoch, NO_EXPIRY } from "@milagro/crypto/epoch";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import type { DomainKeys, Writer } from "./format/kek-record.ts";

/** What a gateway or an offline reader needs of a trust domain. */
export interface PolicyKeys {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly domainId: DomainId;
  readonly keys: DomainKeys;
  readonly schema: AttributeSchema;
  currentEpoch(): Epoch;
  /** Every attribute key that is at hand, the newest first. May be none: such a gateway writes what it cannot read. */
  attributeKeys(): readonly AbeKey<"cp">[];
  /** Who signs KEKs; undefined for readers. */
  writer(): Writer | undefined;
  /** Whether this domain's attribute keys fit ciphertexts of their own epoch only. */
  readonly boundToEpoch: boolean;
}

/** What new KEKs are sealed in: the epoch's scope, or for unbound keys that of all, with `epoch >= now` in the policy. */
export function sealingScope({ domainId, boundToEpoch, currentEpoch }: PolicyKeys): AbeScope<"cp"> {
  return { domainId, scheme: "cp", epoch: boundToEpoch ? currentEpoch() : NO_EXPIRY };
}

/** A policy's text with the clause that keeps out whoever lost the right to a key: revocation takes effect with the epoch. */
export function policyOfEpoch(policy: string, { boundToEpoch, currentEpoch }: PolicyKeys): string {
  return boundToEpoch ? policy : `(${policy}) and epoch >= ${currentEpoch()}`;
}
