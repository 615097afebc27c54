/**
 * Keeps the identity supplied with keys: the first ones by evidence, this and the next epoch's by renewal, those of past epochs
 * when a secret needs them. What was begun is sealed before it is sent, so a crash spends no evidence for nothing.
 * @module
 */
import type { ClientDeps } from "@milagro/client/deps";
import { enrol, resumeEnrol } from "@milagro/client/enrol";
import { parseEvidenceText } from "@milagro/client/evidence";
import type { KeySlot } from "@milagro/client/key-ring";
import { renewKeys } from "@milagro/client/renew";
import { planRenewal } from "@milagro/client/renewal";
import { parseUtf8, wipe } from "@milagro/crypto/bytes";
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import type { IdentityUsage } from "@milagro/crypto/usage";
import { MilagroError } from "@milagro/engine/error";
import type { EnrolmentResult } from "@milagro/protocol/enrolment";
import { readFileLimited } from "@milagro/runtime/atomic-file";
import type { Log } from "@milagro/runtime/log";
import type { IdentityStore } from "./identity-store.ts";

export interface KeyKeeperOptions {
  readonly client: ClientDeps;
  readonly store: IdentityStore;
  readonly log: Log;
  readonly evidenceFile: string | undefined;
  readonly aheadFraction: number;
  /** In [0, 1), drawn once per process. */
  readonly jitter: number;
  readonly keepEpochs: number;
  /** Epochs whose `enc` keys are needed by secrets that are here. */
  neededEpochs(): readonly Epoch[];
}

export interface KeyRound {
  /** Keys have come. */
  readonly changed: boolean;
  /** When to look again, in ms since 1970. */
  readonly nextMs: number;
}

/** `enc` to open, `sig` to ask for secrets and to renew. */
const USAGES: readonly IdentityUsage[] = ["enc", "sig"];
const MAX_EVIDENCE_BYTES = 262_144;
const MAX_KEYS = 16;

/**
 * One look: asks for what is missing now. Repeated by the daemon at `nextMs`, after failures with back-off.
 * @throws what enrolment throws; the keys that are here stay
 */
export async function keepKeys(options: KeyKeeperOptions): Promise<KeyRound> {
  const { client, store } = options;
  const { ring } = store;
  const { epochSeconds } = client.domain;
  const plan = planRenewal(ring, client.clock(), {
    epochSeconds,
    usages: USAGES,
    aheadFraction: options.aheadFraction,
    jitter: options.jitter,
  });
  const past = options
    .neededEpochs()
    .filter((epoch) => ring.find("enc", epoch) === undefined)
    .map((epoch): KeySlot => ({ usage: "enc", epoch }));
  const wanted = [
    ...plan.keys,
    ...past.filter(({ epoch }) => !plan.keys.some((key) => key.usage === "enc" && key.epoch === epoch)),
  ].slice(0, MAX_KEYS);
  if (wanted.length === 0) return { changed: false, nextMs: plan.nextMs };
  const result = await obtain(options, wanted);
  if (result) {
    ring.add(result.keys);
    forgetOld(options);
    await store.save();
    await store.setPending(undefined);
    options.log.info("keys received", { identity: ring.identity, count: result.keys.length });
  }
  return { changed: result !== undefined, nextMs: plan.nextMs };
}

async function obtain(options: KeyKeeperOptions, wanted: readonly KeySlot[]): Promise<EnrolmentResult | undefined> {
  const { client, store, log } = options;
  const { ring } = store;
  const pending = store.pending();
  if (pending) {
    const exported = pending.use((bytes) => bytes.slice());
    pending.destroy();
    try {
      log.info("going on with an enrolment that was cut short");
      return await resumeEnrol(client, exported);
    } catch (error) {
      // Refused for ever, most likely because it is too old; anything else is worth another try with the same evidence.
      if (!(error instanceof MilagroError) || error.code !== "ERR_ENROLMENT_REFUSED") throw error;
      await store.setPending(undefined);
    } finally {
      wipe(exported);
    }
  }
  const now = epochAt(client.clock(), client.domain.epochSeconds);
  if (ring.newest("sig", now) !== undefined) {
    try {
      return await renewKeys(client, ring, wanted);
    } catch (error) {
      // Off for so long that the old key vouches for nothing any more: fresh evidence is the only way.
      const refused = error instanceof MilagroError && error.code === "ERR_ENROLMENT_REFUSED";
      if (!refused || options.evidenceFile === undefined || ring.find("sig", now)) throw error;
      log.warn("renewal refused, enrolling with evidence");
    }
  }
  const evidence = parseEvidenceText(await readEvidence(options.evidenceFile), client.domain);
  return enrol(client, {
    identity: ring.identity,
    keys: wanted,
    evidence,
    onBegun: (exported) => store.setPending(exported),
  });
}

async function readEvidence(file: string | undefined): Promise<string> {
  if (file === undefined) throw new MilagroError("ERR_EVIDENCE_MISSING", "there are no keys yet and no evidence file");
  const bytes = await readFileLimited(file, MAX_EVIDENCE_BYTES);
  try {
    return parseUtf8(bytes);
  } finally {
    wipe(bytes);
  }
}

/** Keys that nothing needs any more are destroyed: what is not here cannot be stolen. */
function forgetOld({ client, store, neededEpochs, keepEpochs }: KeyKeeperOptions): void {
  const { ring } = store;
  const now = epochAt(client.clock(), client.domain.epochSeconds);
  const oldest = Math.min(now - keepEpochs, ...neededEpochs());
  ring.forgetBefore("enc", Math.max(1, oldest) as Epoch);
  // The epoch before counts during its grace, and the newest one vouches for renewals.
  ring.forgetBefore("sig", Math.max(1, Math.min(now - 1, ring.newest("sig", now) ?? now)) as Epoch);
}
