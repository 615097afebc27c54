/**
 * Keeps files and templates as the configuration says: written when their secrets are there, rewritten when one changes,
 * removed when it is gone; programs are told afterwards, and only when the bytes are others.
 * @module
 */
import { readFile, stat } from "node:fs/promises";
import { MilagroError } from "@milagro/engine/error";
import type { SecretPath } from "@milagro/protocol/secret-path";
import { readFileLimited } from "@milagro/runtime/atomic-file";
import { errorFields, type Log } from "@milagro/runtime/log";
import type { EndpointConfig, Target } from "./config.ts";
import { removeOutputFile, writeOutputFile } from "./output-file.ts";
import { reload } from "./reload.ts";
import type { Shelf } from "./shelf.ts";
import { parseTemplate, renderTemplate } from "./template.ts";

interface Output {
  readonly target: Target;
  readonly paths: readonly SecretPath[];
  /** The bytes, or undefined while a secret is missing. The caller wipes them. */
  render(): Uint8Array | undefined;
}

export interface OutputState {
  readonly path: string;
  /** `waiting`: a secret it needs is not there. */
  readonly state: "written" | "waiting" | "failed";
  readonly code?: string;
}

export interface Outputs {
  /** Brings the files that use one of these secrets up to date; all of them without an argument. Never throws. */
  update(changed?: readonly SecretPath[]): Promise<void>;
  states(): readonly OutputState[];
}

const MAX_TEMPLATE_BYTES = 1024 * 1024;

/** @throws `ERR_TEMPLATE_INVALID`, `ERR_FILE_MISSING` */
export async function createOutputs(
  config: Pick<EndpointConfig, "files" | "templates">,
  shelf: Shelf,
  log: Log,
): Promise<Outputs> {
  const bytesOf = (path: SecretPath): Uint8Array | undefined =>
    shelf.find(path)?.plaintext.use((bytes) => bytes.slice());
  const outputs: Output[] = config.files.map(({ secret, target }) => ({
    target,
    paths: [secret],
    render: () => bytesOf(secret),
  }));
  for (const { source, target } of config.templates) {
    const template = parseTemplate(new TextDecoder().decode(await readFileLimited(source, MAX_TEMPLATE_BYTES)));
    outputs.push({ target, paths: template.paths, render: () => renderTemplate(template, bytesOf) });
  }
  const states = new Map<Output, OutputState>(
    outputs.map((output) => [output, { path: output.target.path, state: "waiting" }]),
  );
  let queue: Promise<void> = Promise.resolve();

  /** @returns whether the program has to be told */
  async function bring(output: Output): Promise<boolean> {
    const { target } = output;
    const bytes = output.render();
    try {
      if (!bytes) {
        await removeOutputFile(target.path);
        states.set(output, { path: target.path, state: "waiting" });
        return false;
      }
      const same = await isAsWanted(target, bytes);
      if (!same) await writeOutputFile(target.path, bytes, target);
      states.set(output, { path: target.path, state: "written" });
      return !same;
    } finally {
      bytes?.fill(0);
    }
  }

  async function updateAll(changed: readonly SecretPath[] | undefined): Promise<void> {
    const reloads = new Map<string, Target>();
    for (const output of outputs) {
      const concerned = changed === undefined || output.paths.some((path) => changed.includes(path));
      if (!concerned) continue;
      try {
        // One reload for all files of the same program.
        if ((await bring(output)) && output.target.reload)
          reloads.set(JSON.stringify(output.target.reload), output.target);
      } catch (error) {
        const code = error instanceof MilagroError ? error.code : "ERR_INTERNAL";
        states.set(output, { path: output.target.path, state: "failed", code });
        log.error("a file was not written", { file: output.target.path, ...errorFields(error) });
      }
    }
    for (const { reload: how, path } of reloads.values()) {
      if (!how) continue;
      await reload(how).then(
        () => log.info("program told of its new secret", { file: path }),
        (error: unknown) =>
          log.error("a program was not told of its new secret", { file: path, ...errorFields(error) }),
      );
    }
  }

  return {
    update(changed) {
      queue = queue.then(() => updateAll(changed));
      return queue;
    },
    states: () => [...states.values()],
  };
}

/** Whether the file is there with these bytes and this mode: then nothing is written and nobody is told. */
async function isAsWanted(target: Target, bytes: Uint8Array): Promise<boolean> {
  try {
    const info = await stat(target.path);
    const owned =
      (target.uid === undefined || info.uid === target.uid) && (target.gid === undefined || info.gid === target.gid);
    if (!info.isFile() || !owned || (info.mode & 0o7777) !== target.mode || info.size !== bytes.length) return false;
    const there = await readFile(target.path);
    try {
      return Buffer.compare(there, bytes) === 0;
    } finally {
      there.fill(0);
    }
  } catch {
    return false;
  }
}
