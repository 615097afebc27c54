/**
 * Reading JSON from a command's argument and writing results to a file or stdout.
 * @module
 */
import { resolve } from "node:path";
import { MilagroError } from "@milagro/engine/error";
import { writeFileAtomic } from "@milagro/runtime/atomic-file";
import type { Io } from "./io.ts";
import { readText } from "./value.ts";

/** `-` or a file name, with or without `@`. @throws `ERR_VALUE_INVALID` when it is not JSON, and what `parse` throws */
export async function readJsonFile<T>(io: Io, argument: string, parse: (value: unknown) => T): Promise<T> {
  const text = await readText(io, argument === "-" || argument.startsWith("@") ? argument : `@${argument}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MilagroError("ERR_VALUE_INVALID", `${argument} is not JSON`);
  }
  return parse(value);
}

/** @param mode - 0600 for anything secret */
export async function writeTextFile(io: Io, name: string, text: string, mode: number): Promise<string> {
  const path = resolve(io.cwd, name);
  await writeFileAtomic(path, text, { mode });
  return path;
}
