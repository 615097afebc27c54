/**
 * What the client is given from outside. Nothing here is global, so one process may hold many clients.
 * @module
 */
import type { X25519 } from "@milagro/crypto/hpke";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import type { HttpPort } from "./http-port.ts";

export interface ClientDeps {
  readonly engine: Engine;
  readonly random: RandomBytes;
  /** Integer milliseconds since 1970-01-01T00:00Z. */
  readonly clock: () => number;
  /** Resolves after `ms`; rejects when the work was called off. */
  readonly sleep: (ms: number) => Promise<void>;
  readonly http: HttpPort;
  /** Verified, and pinned by whoever made the client. */
  readonly domain: TrustDomain;
  /** A native implementation where there is one; plain JavaScript otherwise. */
  readonly x25519?: X25519 | undefined;
  /** Another address of the D-KMS than the domain's own. */
  readonly kmsUrl?: string | undefined;
}
