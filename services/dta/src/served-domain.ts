/**
 * The domain that this D-TA serves: what the store knows of it, and serving it, or a later descriptor of it, from now on.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import { formatDomainId, parseDomainId } from "@milagro/crypto/domain-id";
import { MilagroError } from "@milagro/engine/error";
import { masterEpochOf, parseSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { parseJson } from "@milagro/protocol/wire";
import { type DtaContext, domainOf, type FoundedDomain } from "./context.ts";
import type { MasterEpoch } from "./master-epochs.ts";

const parse = (text: string): SignedDescriptor => parseSignedDescriptor(parseJson(text));

/** The domain in the store, if one was founded. */
export async function loadDomain(context: Pick<DtaContext, "store">): Promise<FoundedDomain | undefined> {
  const { db } = context.store;
  const row = await db.selectFrom("domain").selectAll().executeTakeFirst();
  if (row === undefined) return undefined;
  const signed = parse(row.signed_descriptor);
  const first = await db
    .selectFrom("past_descriptor")
    .select("signed_descriptor")
    .where("domain_id", "=", row.domain_id)
    .where("sequence", "=", 0)
    .executeTakeFirst();
  const past = await db
    .selectFrom("past_master")
    .selectAll()
    .where("domain_id", "=", row.domain_id)
    .where("forgotten_ms", "is", null)
    .orderBy("epoch")
    .execute();
  const { descriptor } = signed;
  const newest: MasterEpoch = {
    epoch: masterEpochOf(descriptor),
    key: ownMpinKey(signed, row.own_index),
    untilMs: undefined,
  };
  return {
    domainId: parseDomainId(row.domain_id),
    name: row.name,
    index: row.own_index,
    epochSeconds: descriptor.epochSeconds,
    signed,
    genesis: first === undefined ? signed : parse(first.signed_descriptor),
    masters: [
      ...past.map(({ epoch, public_key, until_ms }) => ({
        epoch: Number(epoch),
        key: new Uint8Array(public_key),
        untilMs: Number(until_ms),
      })),
      newest,
    ],
  };
}

/** By its sequence; the newest, too. @throws `ERR_NOT_FOUND`, `ERR_DOMAIN_UNKNOWN` */
export async function earlierDescriptor(
  context: Pick<DtaContext, "store" | "now">,
  sequence: number,
): Promise<SignedDescriptor> {
  const { domainId, signed } = domainOf(context);
  if (signed.descriptor.sequence === sequence) return signed;
  const row = await context.store.db
    .selectFrom("past_descriptor")
    .select("signed_descriptor")
    .where("domain_id", "=", domainId)
    .where("sequence", "=", sequence)
    .executeTakeFirst();
  if (row === undefined) throw new MilagroError("ERR_NOT_FOUND", "the domain has no descriptor of this sequence");
  return parse(row.signed_descriptor);
}

/** This D-TA's public key of the `mpin` master. */
export function ownMpinKey({ descriptor }: SignedDescriptor, index: number): Uint8Array {
  const own = descriptor.authorities[index - 1];
  if (own === undefined) throw new TypeError("the domain has no D-TA of this index");
  return own.keys.mpin.g1;
}

/** What the issuer verifies. */
export const trustOf = ({ genesis, signed, index }: FoundedDomain) => ({ genesis, signed, index });

/** Serves the domain from now on, or what the store newly knows of it; the issuer verifies a descriptor first. */
export async function serveDomain(context: DtaContext, domain: FoundedDomain | undefined): Promise<void> {
  if (domain === undefined) return;
  const before = context.now.domain;
  const same = before !== undefined && before.signed.descriptor.sequence === domain.signed.descriptor.sequence;
  if (same && before.masters.every(({ key }, i) => equalBytes(key, domain.masters[i]?.key ?? new Uint8Array(0))))
    return;
  if (!same) await context.issuer.call("trust", trustOf(domain));
  context.now.domain = domain;
  if (same) return;
  context.log.info("serving domain", {
    domain: domain.name,
    domainId: formatDomainId(domain.domainId),
    index: domain.index,
  });
  for (const notify of context.listeners) notify();
}
