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
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { formatDomainId, parseDomainId } from "@milagro/crypto/domain-id";
import type { Engine } from "@milagro/engine";
import { MilagroError } from "@milagro/engine/error";
import { parseSignedDescriptor } from "@milagro/protocol/descriptor";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { parseJson } from "@milagro/protocol/wire";
import { readFileLimited, writeFileAtomic } from "@milagro/runtime/atomic-file";
import type { Log } from "@milagro/runtime/log";
import { systemRandom } from "@milagro/runtime/random";
import type { EndpointConfig } from "./config.ts";

const MAX_DESCRIPTOR_BYTES = 1024 * 1024;

/** The configured descriptor beside the newest one seen: an older or foreign one is refused. */
export async function openDomain(config: EndpointConfig, engine: Engine, log: Log): Promise<TrustDomain> {
  const memory = join(config.home, "known-domain.json");
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
    await writeFileAtomic(memory, utf8(JSON.stringify(encodeKnownDomain(sight.known))));
    log.info("domain pinned", { domain: sight.domain.name, domainId: formatDomainId(sight.domain.domainId) });
    return sight.domain;
  }
  if (!configured || configured.descriptor.sequence <= known.newest.descriptor.sequence) {
    const domain = openKnownDomain(engine, systemRandom, known);
    if (pin && formatDomainId(pin) !== formatDomainId(domain.domainId))
      throw new MilagroError("ERR_DESCRIPTOR_PIN", "another domain was pinned here before");
    return domain;
  }
  const sight = laterSight(engine, systemRandom, known, configured);
  await writeFileAtomic(memory, utf8(JSON.stringify(encodeKnownDomain(sight.known))));
  return sight.domain;
}
