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
  /** Past epochs whose keys were refused, and until when they are not asked for, in ms since 1970. Kept between rounds. */
  readonly refusedUntil: Map<Epoch, number>;
}

export interface KeyRound {
  /** Keys have come. */
  readonly changed: boolean;
  /** When to look again, in ms since 1970. */
  readonly nextMs: number;
  /** Why a key of the past is not to be had: the secrets that need it stay closed, all else goes on. */
  readonly refused?: MilagroError;
}

/** `enc` to open, `sig` to ask for secrets and to renew. */
const USAGES: readonly IdentityUsage[] = ["enc", "sig"];
const MAX_EVIDENCE_BYTES = 262_144;
/** A D-TA's policy may come to allow what it refused; asking each minute would only fill its log. */
const ASK_AGAIN_MS = 3_600_000;

/**
 * One look: asks for what is missing now. Repeated by the daemon at `nextMs`, after failures with back-off.
 *
 * Keys of this and the next epoch come first and in a request of their own, those of the past one at a time: epochs of the past are chosen by whoever encapsulated,
 * and one that the D-TAs do not issue must not cost us the others.
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
  if (plan.keys.length > 0) {
    const changed = await receive(options, plan.keys);
    return { changed, nextMs: changed ? client.clock() : plan.nextMs };
  }
  const [epoch, ...others] = pastEpochs(options);
  if (epoch === undefined) return { changed: false, nextMs: plan.nextMs };
  const nextMs = others.length > 0 ? client.clock() : plan.nextMs;
  try {
    return { changed: await receive(options, [{ usage: "enc", epoch }]), nextMs };
  } catch (error) {
    if (!(error instanceof MilagroError) || error.code !== "ERR_ENROLMENT_REFUSED") throw error;
    options.refusedUntil.set(epoch, client.clock() + ASK_AGAIN_MS);
    return { changed: false, nextMs, refused: error };
  }
}

/** Needed, not here, and worth asking for now. Epochs to come have their turn when they come; epoch 0 is never issued. */
function pastEpochs({ client, store, neededEpochs, refusedUntil }: KeyKeeperOptions): readonly Epoch[] {
  const nowMs = client.clock();
  const current = epochAt(nowMs, client.domain.epochSeconds);
  return neededEpochs().filter(
    (epoch) =>
      epoch >= 1 &&
      epoch <= current &&
      store.ring.find("enc", epoch) === undefined &&
      (refusedUntil.get(epoch) ?? 0) <= nowMs,
  );
}

async function receive(options: KeyKeeperOptions, wanted: readonly KeySlot[]): Promise<boolean> {
  const { store } = options;
  const result = await obtain(options, wanted);
  if (!result) return false;
  store.ring.add(result.keys);
  forgetOld(options);
  await store.save();
  await store.setPending(undefined);
  options.log.info("keys received", { identity: store.ring.identity, count: result.keys.length });
  return true;
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
