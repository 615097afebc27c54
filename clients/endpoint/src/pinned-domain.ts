/**
 * The domain that an endpoint is pinned to: the configured descriptor beside the newest one seen.
 * @module
 */
import { join } from "node:path";
import {
  encodeKnownDomain,
  firstSight,
  type KnownDomain,
  laterSight,
  openKnownDomain,
  parseKnownDomain,
} from "@milagro/client/known-domain";
import { type DescriptorLook, findLaterDescriptor } from "@milagro/client/later-descriptor";
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { formatDomainId, parseDomainId } from "@milagro/crypto/domain-id";
import type { Engine } from "@milagro/engine";
import { MilagroError } from "@milagro/engine/error";
import { parseSignedDescriptor } from "@milagro/protocol/descriptor";
import { claimedDomainId, type TrustDomain } from "@milagro/protocol/trust-domain";
import { parseJson } from "@milagro/protocol/wire";
import { readFileLimited, writeFileAtomic } from "@milagro/runtime/atomic-file";
import type { Log } from "@milagro/runtime/log";
import { systemRandom } from "@milagro/runtime/random";
import type { EndpointConfig } from "./config.ts";

const MAX_DESCRIPTOR_BYTES = 1024 * 1024;

/** The domain as it is known now; it moves on to newer descriptors and never back. */
export interface PinnedDomain {
  readonly current: TrustDomain;
  /** Takes a newer one from the D-KMS, when there is one. @throws as `findLaterDescriptor`; then the present one stays */
  refresh(look: Omit<DescriptorLook, "engine" | "random">): Promise<boolean>;
}

/** The configured descriptor beside the newest one seen: an older or foreign one is refused. */
export async function openDomain(config: EndpointConfig, engine: Engine, log: Log): Promise<PinnedDomain> {
  const memory = join(config.home, "known-domain.json");
  const opened = await openMemory(config, engine, log, memory);
  let { known, domain } = opened;
  return {
    get current() {
      return domain;
    },
    async refresh(look) {
      const later = await findLaterDescriptor({ ...look, engine, random: systemRandom }, known);
      if (!later) return false;
      await remember(memory, later.known);
      ({ known, domain } = later);
      log.info("newer descriptor", { domain: domain.name, sequence: domain.descriptor.sequence });
      return true;
    },
  };
}

function remember(memory: string, known: KnownDomain): Promise<void> {
  return writeFileAtomic(memory, utf8(JSON.stringify(encodeKnownDomain(known))));
}

async function openMemory(
  config: EndpointConfig,
  engine: Engine,
  log: Log,
  memory: string,
): Promise<{ readonly known: KnownDomain; readonly domain: TrustDomain }> {
  const readJson = async (path: string) => parseJson(parseUtf8(await readFileLimited(path, MAX_DESCRIPTOR_BYTES)));
  const known = await readJson(memory).then(parseKnownDomain, (error: unknown): KnownDomain | undefined => {
    if (error instanceof MilagroError && error.code === "ERR_FILE_MISSING") return undefined;
    throw error;
  });
  const configured = await readJson(config.domainFile).then(parseSignedDescriptor, (error: unknown) => {
    if (known && error instanceof MilagroError && error.code === "ERR_FILE_MISSING") return undefined;
    throw error;
  });
  const pin = config.pin === undefined ? undefined : parseDomainId(config.pin);
  if (!known) {
    if (!configured) throw new MilagroError("ERR_DOMAIN_UNKNOWN", "there is no domain descriptor");
    const sight = firstSight(engine, systemRandom, configured, pin);
    await remember(memory, sight.known);
    log.info("domain pinned", { domain: sight.domain.name, domainId: formatDomainId(sight.domain.domainId) });
    return sight;
  }
  if (!configured || configured.descriptor.sequence < known.newest.descriptor.sequence) {
    const domain = openKnownDomain(engine, systemRandom, known);
    const ids = [...(pin ? [pin] : []), ...(configured ? [claimedDomainId(configured.descriptor)] : [])];
    if (ids.some((id) => formatDomainId(id) !== formatDomainId(domain.domainId)))
      throw new MilagroError("ERR_DESCRIPTOR_PIN", "another domain was pinned here before");
    if (configured) log.warn("the descriptor file is older than what was seen: not used", { domain: domain.name });
    return { known, domain };
  }
  if (pin && formatDomainId(pin) !== formatDomainId(known.pin))
    throw new MilagroError("ERR_DESCRIPTOR_PIN", "another domain was pinned here before");
  // The same one again as well: a file that says something else under the same number is a forgery.
  const sight = laterSight(engine, systemRandom, known, configured);
  if (configured.descriptor.sequence === known.newest.descriptor.sequence) return sight;
  await remember(memory, sight.known);
  return sight;
}
