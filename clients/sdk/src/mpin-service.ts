/**
 * The login server as it describes itself, and whether to believe its trust domain. Used at enrolment; a login needs neither.
 *
 * A page that was delivered with a pinned descriptor hash accepts that descriptor, or a later one of the domain, and no other; whoever pinned it has verified it, so
 * that only points are decoded here. Without a pin the descriptor is verified completely, and accounts that are already there for this
 * server hold it to their domain.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import type { DomainId } from "@milagro/crypto/domain-id";
import { combinePublicShares, type DomainPublicKey } from "@milagro/crypto/master-public";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { type DecodedAuthority, decodeAuthority } from "@milagro/protocol/authority";
import { hashDescriptor, masterEpochOf, type SignedDescriptor } from "@milagro/protocol/descriptor";
import type { IssuingDomain } from "@milagro/protocol/issuing-domain";
import { type LoginService, parseLoginService } from "@milagro/protocol/login-messages";
import { claimedDomainId, verifyLaterDescriptor } from "@milagro/protocol/trust-domain";
import { listAccounts } from "./mpin-account.ts";
import { callMpin } from "./mpin-call.ts";
import type { MpinClient } from "./mpin-ports.ts";

/** A domain to enrol in. */
export interface LoginDomain extends IssuingDomain {
  readonly authorities: readonly DecodedAuthority[];
  readonly publicKey: DomainPublicKey<"id">;
  readonly descriptorHash: Uint8Array;
  readonly signed: SignedDescriptor;
}

/** What the page was delivered with: SHA-256 of the canonical descriptor, or the domain id. */
export interface DomainPin {
  readonly descriptorHash?: Uint8Array;
  readonly domainId?: DomainId;
}

/** @throws `ERR_LOGIN_MISMATCH` when the server says that it is somewhere else, and what calls throw */
export async function fetchLoginService(client: MpinClient): Promise<LoginService> {
  const service = await callMpin(client, { method: "GET", url: "/v1/service" }, parseLoginService);
  if (service.origin !== client.origin)
    throw new MilagroError("ERR_LOGIN_MISMATCH", "the server says that it is somewhere else");
  return service;
}

/**
 * The domain behind a descriptor, if it is to be believed.
 * @param genesis - the first descriptor, where this one is a later one
 * @throws `ERR_DESCRIPTOR_PIN` for another domain than the pinned one, `ERR_DESCRIPTOR_FORGED`, `ERR_PUBLIC_KEY_INVALID`
 */
export function loginDomainOf(
  engine: Engine,
  random: MpinClient["random"],
  signed: SignedDescriptor,
  pin: DomainPin = {},
  genesis?: SignedDescriptor,
): LoginDomain {
  const { descriptor } = signed;
  const pinned = pin.descriptorHash;
  const genesisPinned = pinned && genesis && equalBytes(hashDescriptor(genesis.descriptor), pinned);
  if (!pinned || genesisPinned) {
    const domain = verifyLaterDescriptor(engine, random, { genesis: genesis ?? signed, signed }, pin.domainId);
    const { domainId, masterEpoch, authorities, publicKey, hash } = domain;
    return { domainId, masterEpoch, authorities, publicKey, descriptorHash: hash, signed };
  }
  const descriptorHash = hashDescriptor(descriptor);
  const domainId = claimedDomainId(descriptor);
  if (!equalBytes(descriptorHash, pinned) || (pin.domainId && !equalBytes(domainId, pin.domainId)))
    throw new MilagroError("ERR_DESCRIPTOR_PIN", "this is another descriptor than the pinned one");
  const authorities = descriptor.authorities.map((entry) => decodeAuthority(engine, entry));
  const publicKey = combinePublicShares(
    engine,
    authorities.map(({ publicShares }) => publicShares.id),
  );
  return { domainId, masterEpoch: masterEpochOf(descriptor), authorities, publicKey, descriptorHash, signed };
}

/** The same for a service: accounts here for this server hold it to their domain. */
export async function serviceDomain(
  client: MpinClient,
  engine: Engine,
  service: Pick<LoginService, "descriptor" | "domainId" | "genesis">,
  pin: DomainPin = {},
): Promise<LoginDomain> {
  const { accounts } = await listAccounts(client);
  const known = pin.domainId ?? accounts[0]?.domainId;
  const held = { ...pin, ...(known ? { domainId: known } : {}) };
  const domain = loginDomainOf(engine, client.random, service.descriptor, held, service.genesis);
  if (!equalBytes(domain.domainId, service.domainId))
    throw new MilagroError("ERR_DESCRIPTOR_PIN", "the server names another domain than its descriptor is of");
  return domain;
}
