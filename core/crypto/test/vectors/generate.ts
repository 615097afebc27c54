/**
 * Writes vectors/milagro/*.json, deterministic from a seed:
 *   node --conditions=@milagro/source core/crypto/test/vectors/generate.ts
 * @module
 */
import { mkdir, writeFile } from "node:fs/promises";
import { createNobleEngine } from "@milagro/engine/noble";
import { ciphertextPolicy, keyPolicy, policies } from "./build-abe.ts";
import { identities, issuance, statements } from "./build-keys.ts";
import { mpinFull, mpinIssuance, mpinLogin } from "./build-mpin.ts";
import { mpinUpdate } from "./build-mpin-update.ts";
import { encapsulation, envelopes, files } from "./build-sealing.ts";
import { keyAgreement, signatures, signcryption } from "./build-signing.ts";
import { bytesFor, prepare } from "./builder.ts";
import type { VectorFile } from "./runner.ts";

/** All files by name. */
export async function buildVectors(): Promise<ReadonlyMap<string, VectorFile>> {
  // The engine's own randomness blinds computations and weights batches; no output depends on it.
  let counter = 0;
  const engine = createNobleEngine({
    random: (length) => {
      counter += 1;
      return bytesFor(`engine ${counter}`, length);
    },
  });
  const setting = await prepare(engine);
  const all = [
    identities,
    issuance,
    statements,
    encapsulation,
    envelopes,
    files,
    signatures,
    signcryption,
    keyAgreement,
    mpinIssuance,
    mpinLogin,
    mpinFull,
    mpinUpdate,
    policies,
    ciphertextPolicy,
    keyPolicy,
  ];
  const built = new Map<string, VectorFile>();
  for (const build of all) {
    const file = await build(setting);
    built.set(`${file.scheme}.json`, file);
  }
  return built;
}

/** The text of a file, as it is committed. */
export function formatVectors(file: VectorFile): string {
  return `${JSON.stringify(file, null, 1)}\n`;
}

if (process.argv[1] === import.meta.filename) {
  const folder = new URL("../../../../vectors/milagro/", import.meta.url);
  await mkdir(folder, { recursive: true });
  for (const [name, file] of await buildVectors()) await writeFile(new URL(name, folder), formatVectors(file));
}
