/**
 * Taking deliveries: each is verified, decided on, stored with the cursor in one commit, opened, and only then acknowledged.
 * The D-KMS is not believed: what its author did not sign, what goes backwards, and what another author signed, is refused. The bus is believed even less.
 * @module
 */
import type { AttributeRing } from "@milagro/client/attribute-ring";
import type { ClientDeps } from "@milagro/client/deps";
import type { KeyRing } from "@milagro/client/key-ring";
import { createKmsClient } from "@milagro/client/kms-client";
import { hasKeyFor, openRecord, recipientOf, verifyRecord } from "@milagro/client/secrets";
import type { IdentityPattern } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { canonicalText } from "@milagro/protocol/canonical";
import type { KmsEvent } from "@milagro/protocol/kms-messages";
import type { SecretPath } from "@milagro/protocol/secret-path";
import { encodeSecretRecord, parseSecretRecord, type SecretRecord } from "@milagro/protocol/secret-record";
import { parseJson } from "@milagro/protocol/wire";
import { errorFields, type Log } from "@milagro/runtime/log";
import type { LockedSecret, Shelf } from "./shelf.ts";
import type { EndpointStore, StoredSecret } from "./store.ts";

export interface DeliveryDeps {
  readonly client: ClientDeps;
  readonly ring: KeyRing;
  /** For secrets to a policy. */
  readonly attributes: AttributeRing;
  readonly store: EndpointStore;
  readonly shelf: Shelf;
  readonly log: Log;
  /** Whose secrets are accepted. */
  readonly authors: readonly IdentityPattern[];
  /** Called after a secret was opened or removed. */
  readonly onChange: (paths: readonly SecretPath[]) => void;
  /** Called when a secret is here whose key is not. */
  readonly onLocked: () => void;
}

export type DeliveryDecision =
  | { readonly kind: "take" }
  | { readonly kind: "skip" }
  | { readonly kind: "refuse"; readonly code: "ERR_VERSION_ROLLBACK" | "ERR_VERSION_CONFLICT" };

const PAGE = 50;
const MAX_ACKS = 100;

/** Pure: a delivered record against what is stored of its path. */
export function decideDelivery(stored: StoredSecret | undefined, record: SecretRecord): DeliveryDecision {
  if (!stored || record.version > stored.version) return { kind: "take" };
  if (record.version < stored.version) return { kind: "refuse", code: "ERR_VERSION_ROLLBACK" };
  // After a deletion the same version again would bring the dead back.
  if (stored.record === undefined) return { kind: "refuse", code: "ERR_VERSION_ROLLBACK" };
  const same = canonicalText(encodeSecretRecord(record)) === canonicalText(parseJson(stored.record));
  return same ? { kind: "skip" } : { kind: "refuse", code: "ERR_VERSION_CONFLICT" };
}

/** Catches up with everything that is waiting. @returns how many deliveries there were */
export async function catchUp(deps: DeliveryDeps, waitSeconds = 0): Promise<number> {
  const kms = createKmsClient(deps.client, deps.ring);
  let taken = 0;
  for (let wait = waitSeconds; ; wait = 0) {
    const after = await deps.store.cursor();
    const page = await kms.events({ after, limit: PAGE, ...(wait > 0 ? { waitSeconds: wait } : {}) });
    for (const event of page.events) await takeDelivery(deps, event);
    taken += page.events.length;
    if (page.events.length < PAGE) return taken;
  }
}

/** One delivery. Repeating it changes nothing. @throws what fetching the record throws: then it stays where it is, to be taken later */
export async function takeDelivery(deps: DeliveryDeps, event: KmsEvent): Promise<void> {
  const { store, shelf, log } = deps;
  if (event.sequence <= (await store.cursor())) return;
  if (event.type === "deleted") {
    await store.remove(event.path, event.sequence);
    shelf.remove(event.path);
    log.info("secret removed", { sequence: event.sequence });
    deps.onChange([event.path]);
    return;
  }
  const { path, version, sequence } = event;
  const refuse = async (code: string): Promise<void> => {
    await store.refuse({ sequence, path, version, code, timeMs: deps.client.clock() });
    log.warn("delivery refused", { sequence, code });
  };
  const stored = await store.find(path);
  let record: SecretRecord;
  try {
    record = event.record ?? (await createKmsClient(deps.client, deps.ring).read(path, version));
    recipientOf(record, deps.ring.identity);
    verifyRecord(deps.client, record, { path, version }, { authors: deps.authors });
  } catch (error) {
    if (error instanceof MilagroError && isVerdict(error.code)) return refuse(error.code);
    throw error;
  }
  const decision = decideDelivery(stored, record);
  if (decision.kind === "refuse") return refuse(decision.code);
  if (decision.kind === "skip") return store.skip(sequence);
  await store.accept(
    { path, version, record: JSON.stringify(encodeSecretRecord(record)), sequence },
    deps.client.clock(),
  );
  await openDelivered(deps, { record, epoch: recipientOf(record, deps.ring.identity).epoch, sequence });
}

/**
 * What the bus says was delivered. A broker need not know who publishes, so nothing here is believed but a newer version that its author signed: it is in use at once.
 * Everything that counts (the cursor, deletions, refusals, acknowledgements) waits for the D-KMS itself: else whoever can publish could make a delivery pass for taken.
 */
export async function takeAnnouncement(deps: DeliveryDeps, event: KmsEvent): Promise<void> {
  const { client, ring, store, shelf, log } = deps;
  if (event.type !== "version" || event.record === undefined || event.sequence <= (await store.cursor())) return;
  const { path, version, record, sequence } = event;
  try {
    recipientOf(record, ring.identity);
    verifyRecord(client, record, { path, version }, { authors: deps.authors });
    if (!hasKeyFor(ring, deps.attributes, record) || decideDelivery(await store.find(path), record).kind !== "take")
      return;
    const plaintext = openRecord(client, ring, record, deps.attributes);
    await store.keep({ path, version, record: JSON.stringify(encodeSecretRecord(record)), sequence }, client.clock());
    shelf.put({ record, plaintext });
  } catch (error) {
    if (!(error instanceof MilagroError)) throw error;
    return log.info("announcement not used", { sequence, ...errorFields(error) });
  }
  log.info("secret opened", { sequence, count: version });
  deps.onChange([path]);
}

/** Opens what was stored when its key is here; else keeps it for later. */
export async function openDelivered(deps: DeliveryDeps, secret: LockedSecret): Promise<boolean> {
  const { shelf, store, ring, log } = deps;
  const { record, epoch, sequence } = secret;
  if (!hasKeyFor(ring, deps.attributes, record)) {
    shelf.lock(secret);
    log.info("secret waits for a key", { sequence, epoch });
    deps.onLocked();
    return false;
  }
  try {
    shelf.put({ record, plaintext: openRecord(deps.client, ring, record, deps.attributes) });
  } catch (error) {
    log.error("secret does not open", { sequence, ...errorFields(error) });
    await store.oweAck({
      sequence,
      outcome: "failed",
      code: error instanceof MilagroError ? error.code : "ERR_INTERNAL",
    });
    return false;
  }
  await store.oweAck({ sequence, outcome: "delivered", code: undefined });
  log.info("secret opened", { sequence, count: record.version });
  deps.onChange([record.path]);
  return true;
}

/** Opens everything that waited for keys which are here now. */
export async function openLocked(deps: DeliveryDeps): Promise<void> {
  for (const secret of deps.shelf.locked())
    if (hasKeyFor(deps.ring, deps.attributes, secret.record)) await openDelivered(deps, secret);
}

/** What a restart finds: everything is verified again, so that a changed database gives nothing away and passes nothing off. */
export async function loadShelf(deps: DeliveryDeps): Promise<void> {
  for (const stored of await deps.store.secrets()) {
    if (stored.record === undefined) continue;
    try {
      const record = parseSecretRecord(parseJson(stored.record));
      verifyRecord(deps.client, record, { path: record.path, version: stored.version }, { authors: deps.authors });
      const { epoch } = recipientOf(record, deps.ring.identity);
      if (hasKeyFor(deps.ring, deps.attributes, record))
        deps.shelf.put({ record, plaintext: openRecord(deps.client, deps.ring, record, deps.attributes) });
      else deps.shelf.lock({ record, epoch, sequence: stored.sequence });
    } catch (error) {
      deps.log.error("a stored secret is not used", { sequence: stored.sequence, ...errorFields(error) });
    }
  }
}

/** Tells the D-KMS what became of its deliveries. */
export async function sendAcks(deps: DeliveryDeps): Promise<void> {
  const kms = createKmsClient(deps.client, deps.ring);
  for (;;) {
    const acks = await deps.store.pendingAcks(MAX_ACKS);
    if (acks.length === 0) return;
    await kms.acknowledge(
      acks.map(({ sequence, outcome, code }) => ({ sequence, outcome, ...(code === undefined ? {} : { code }) })),
    );
    await deps.store.acknowledged(acks.map(({ sequence }) => sequence));
  }
}

/** Codes that will not change however often the delivery is looked at. */
function isVerdict(code: string): boolean {
  return [
    "ERR_VERSION_RECORD_INVALID",
    "ERR_VERSION_ROLLBACK",
    "ERR_AUTHOR_REFUSED",
    "ERR_DOMAIN_MISMATCH",
    "ERR_NOT_RECIPIENT",
    "ERR_ENVELOPE_INVALID",
    "ERR_SECRET_UNKNOWN",
    "ERR_ACCESS_DENIED",
  ].includes(code);
}
