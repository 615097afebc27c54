/**
 * `init`: draws the secrets of a new D-TA, seals them, and writes its configuration and an empty policy. The configuration comes last: a home without
 * one was never finished and may be initialised again; one with it never is.
 * @module
 */
import { stat } from "node:fs/promises";
import { createEngine } from "@milagro/engine";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { makePrivateFolder, writeFileAtomic } from "@milagro/runtime/atomic-file";
import type { KdfCost } from "@milagro/runtime/key-store";
import type { Passphrase } from "@milagro/runtime/passphrase";
import { Check } from "typebox/value";
import { ConfigSchema, type DtaConfig, type Home } from "./config.ts";
import { destroyMasters, generateMasters, sealMasters, unsealMasters } from "./masters.ts";
import { EMPTY_POLICY, writePolicy } from "./policy-file.ts";

export interface InitOptions {
  readonly home: Home;
  readonly settings: Pick<DtaConfig, "name" | "operator" | "jurisdiction"> & Partial<DtaConfig>;
  readonly passphrase: Passphrase;
  readonly random: RandomBytes;
  /** Of deriving a key from the passphrase; the default suits people's passphrases. */
  readonly cost?: KdfCost;
}

/** @throws `ERR_FILE_EXISTS` for a home that has a D-TA in it, `ERR_CONFIG_INVALID` for a name that cannot stand in a descriptor */
export async function initDta(options: InitOptions): Promise<void> {
  const { home, passphrase, random, cost } = options;
  const config = { v: 1, ...options.settings };
  for (const key of ["name", "operator", "jurisdiction"] as const) {
    if (!Check(ConfigSchema.properties[key], config[key])) {
      throw new MilagroError(
        "ERR_CONFIG_INVALID",
        `setting "${key}" is missing or has a form that a descriptor cannot hold`,
      );
    }
  }
  await makePrivateFolder(home.folder);
  if (await exists(home.config)) throw new MilagroError("ERR_FILE_EXISTS", "there is a D-TA in this folder already");
  const engine = await createEngine({ random });
  // Sealed masters without a configuration: an `init` that was cut short. They were never used; whoever can open them may go on with them.
  const unfinished = await exists(home.masters);
  const masters = unfinished
    ? await unsealMasters(engine, { path: home.masters, passphrase, random })
    : await generateMasters(engine, random);
  try {
    if (!unfinished)
      await sealMasters(engine, masters, { path: home.masters, passphrase, random, ...(cost ? { cost } : {}) });
  } finally {
    destroyMasters(masters);
  }
  await writePolicy(home.policy, EMPTY_POLICY);
  await writeFileAtomic(home.config, new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`));
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
