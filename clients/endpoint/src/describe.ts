/**
 * Puts the status together from what the parts of the daemon know.
 * @module
 */
import type { ClientDeps } from "@milagro/client/deps";
import { formatDomainId } from "@milagro/crypto/domain-id";
import { epochAt } from "@milagro/crypto/epoch";
import type { BusState } from "@milagro/runtime/bus";
import type { IdentityStore } from "./identity-store.ts";
import type { Outputs } from "./outputs.ts";
import type { Shelf } from "./shelf.ts";
import type { EndpointStatus } from "./status.ts";
import type { EndpointStore } from "./store.ts";

export interface StatusParts {
  readonly client: ClientDeps;
  readonly identityStore: IdentityStore;
  readonly store: EndpointStore;
  readonly shelf: Shelf;
  readonly outputs: Outputs;
  readonly problems: ReadonlyMap<string, { readonly code: string; readonly message: string }>;
  readonly busState: BusState | "none";
}

export async function describe(parts: StatusParts): Promise<EndpointStatus> {
  const { client, identityStore, store, shelf } = parts;
  const { ring } = identityStore;
  const epoch = epochAt(client.clock(), client.domain.epochSeconds);
  const refused = await store.refusals(20);
  return {
    v: 1,
    identity: ring.identity,
    domain: client.domain.name,
    domainId: formatDomainId(client.domain.domainId),
    descriptor: client.domain.descriptor.sequence,
    state: ring.find("enc", epoch) && ring.find("sig", epoch) ? "serving" : "enrolling",
    epoch,
    keys: ring.slots().map((slot) => ({ usage: slot.usage, epoch: slot.epoch })),
    bus: parts.busState,
    cursor: await store.cursor(),
    secrets: [
      ...shelf.open().map(({ record }) => ({
        path: record.path,
        version: record.version,
        author: record.author.identity,
        state: "open" as const,
      })),
      ...shelf.locked().map(({ record }) => ({
        path: record.path,
        version: record.version,
        author: record.author.identity,
        state: "locked" as const,
      })),
    ],
    files: [...parts.outputs.states()],
    refused: refused.map(({ path, version, code, timeMs }) => ({
      path,
      version,
      code,
      time: Math.floor(timeMs / 1000),
    })),
    problems: [...parts.problems].map(([part, problem]) => ({ part, ...problem })),
  };
}
