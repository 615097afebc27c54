/**
 * Asking the D-KMS for a newer descriptor of the pinned domain. The D-KMS is not believed: what it gives is checked beside
 * what is known, and what is known stays in use until something better was proved.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { hashDescriptor, parseSignedDescriptor } from "@milagro/protocol/descriptor";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import type { HttpPort } from "./http-port.ts";
import { apiUrl, callJson } from "./json-call.ts";
import { type KnownDomain, laterSight } from "./known-domain.ts";

export interface DescriptorLook {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly http: HttpPort;
  /** Another address of the D-KMS than the newest descriptor's. */
  readonly kmsUrl?: string | undefined;
  readonly timeoutMs?: number;
}

/**
 * `undefined` when the D-KMS has none that is newer, or the domain names no D-KMS.
 * @throws `ERR_DESCRIPTOR_STALE` for an older one, `ERR_DESCRIPTOR_PIN`, `ERR_DESCRIPTOR_FORGED`, `ERR_PUBLIC_KEY_INVALID`, and what calling throws
 */
export async function findLaterDescriptor(
  look: DescriptorLook,
  known: KnownDomain,
): Promise<{ readonly known: KnownDomain; readonly domain: TrustDomain } | undefined> {
  const { engine, random, http, timeoutMs } = look;
  const newest = known.newest.descriptor;
  const url = look.kmsUrl ?? newest.kms?.url;
  if (url === undefined) return undefined;
  const signed = await callJson(
    http,
    {
      method: "GET",
      url: apiUrl(url, "/v1/descriptor"),
      idempotent: true,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    },
    parseSignedDescriptor,
  );
  // The usual case, and cheap: the very descriptor that is known. Its signatures were checked when it came.
  if (equalBytes(hashDescriptor(signed.descriptor), hashDescriptor(newest))) return undefined;
  return laterSight(engine, random, known, signed);
}

/** Whether an error says that the descriptor which was offered is not to be believed, rather than that none was to be had. */
export function isRefusedDescriptor(error: unknown): error is MilagroError {
  return (
    error instanceof MilagroError &&
    ["ERR_DESCRIPTOR_STALE", "ERR_DESCRIPTOR_PIN", "ERR_DESCRIPTOR_FORGED", "ERR_PUBLIC_KEY_INVALID"].includes(
      error.code,
    )
  );
}
