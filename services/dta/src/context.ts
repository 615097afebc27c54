/**
 * What the parts of one D-TA share. Made once by `createDta`; every operation takes what it needs of it as an argument.
 * @module
 */
import type { DomainId } from "@milagro/crypto/domain-id";
import type { IdentityPattern } from "@milagro/crypto/identity";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { SignedDescriptor } from "@milagro/protocol/descriptor";
import type { Clock } from "@milagro/runtime/clock";
import type { Log } from "@milagro/runtime/log";
import type { DtaAudit } from "./audit.ts";
import type { DtaConfig, Home } from "./config.ts";
import type { Issuer } from "./issuer.ts";
import type { MasterEpoch } from "./master-epochs.ts";
import type { OidcAttestor } from "./oidc.ts";
import type { PolicyFile } from "./policy-file.ts";
import type { Store } from "./store.ts";

/** The domain this D-TA belongs to, from a descriptor that it has verified itself. */
export interface FoundedDomain {
  readonly domainId: DomainId;
  readonly name: string;
  readonly index: number;
  readonly epochSeconds: number;
  /** The newest. */
  readonly signed: SignedDescriptor;
  /** The first; `signed` itself while there is no other. */
  readonly genesis: SignedDescriptor;
  /** Epochs of the `mpin` master whose shares were not forgotten, the newest last. */
  readonly masters: readonly MasterEpoch[];
}

export interface DtaContext {
  readonly home: Home;
  readonly config: DtaConfig;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly store: Store;
  readonly audit: DtaAudit;
  readonly issuer: Issuer;
  readonly policy: PolicyFile;
  readonly oidc: OidcAttestor;
  /** What changes while the process runs. */
  readonly now: { domain: FoundedDomain | undefined; denied: readonly IdentityPattern[] };
  /** Called when the domain or the seal changes. */
  readonly listeners: Set<() => void>;
}

/** @throws `ERR_DOMAIN_UNKNOWN` before the founding */
export function domainOf(context: Pick<DtaContext, "now">): FoundedDomain {
  if (context.now.domain === undefined) {
    throw new MilagroError("ERR_DOMAIN_UNKNOWN", "this D-TA does not belong to a trust domain yet: found one first");
  }
  return context.now.domain;
}
