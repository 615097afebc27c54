/**
 * Unsealing and sealing: whether this D-TA's masters are in memory; and the passphrase they rest under. All is recorded; a wrong
 * passphrase too.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { Passphrase } from "@milagro/runtime/passphrase";
import type { DtaContext } from "./context.ts";

/** @throws `ERR_KEYSTORE_PASSPHRASE`, `ERR_KEYSTORE_CORRUPT` */
export async function unseal(context: DtaContext, passphrase: Passphrase): Promise<void> {
  const { issuer, home, log } = context;
  const record = (outcome: string) =>
    context.store.transaction((tx) => context.audit.append(tx, { action: "unseal", outcome }));
  try {
    // A copy: structured cloning copies it once more into the worker, which wipes its own.
    const bytes = passphrase.use((held) => held.slice());
    try {
      await issuer.call("unseal", { file: home.masters, passphrase: bytes });
    } finally {
      bytes.fill(0);
    }
  } catch (error) {
    await record(error instanceof MilagroError ? error.code : "ERR_INTERNAL");
    throw error;
  }
  try {
    await record("ok");
  } catch (error) {
    // No record, no secrets in memory.
    await issuer.call("seal", null);
    throw error;
  }
  log.info("unsealed", { sealed: false });
  for (const notify of context.listeners) notify();
}

export async function seal(context: DtaContext): Promise<void> {
  await context.issuer.call("seal", null);
  context.log.info("sealed", { sealed: true });
  for (const notify of context.listeners) notify();
  await context.store.transaction((tx) => context.audit.append(tx, { action: "seal", outcome: "ok" }));
}

/**
 * Another passphrase for the masters, which stay open or sealed as they are. Recorded before it is tried: without a record, no change.
 * @throws `ERR_KEYSTORE_PASSPHRASE`, `ERR_KEYSTORE_CORRUPT`
 */
export async function changePassphrase(context: DtaContext, passphrase: Passphrase, next: Passphrase): Promise<void> {
  const { issuer, home, log } = context;
  const record = (outcome: string) =>
    context.store.transaction((tx) => context.audit.append(tx, { action: "passphrase", outcome }));
  await record("begun");
  const copies = [passphrase, next].map((secret) => secret.use((held) => held.slice())) as [Uint8Array, Uint8Array];
  try {
    await issuer.call("reseal", { file: home.masters, passphrase: copies[0], next: copies[1] });
  } catch (error) {
    await record(error instanceof MilagroError ? error.code : "ERR_INTERNAL");
    throw error;
  } finally {
    for (const copy of copies) copy.fill(0);
  }
  log.info("the masters have another passphrase");
  await record("ok");
}
