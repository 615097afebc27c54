/**
 * Profiles of people of one domain, each in a folder of its own, made with three real D-TAs which are gone afterwards: what a machine has that knows
 * nothing but its Milagro identity.
 * @module
 */
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { startStack, who } from "../faults/stack.ts";

export interface People {
  /** `MILAGRO_PASSPHRASE_FILE` of all of them. */
  readonly passphraseFile: string;
  /** The profile folder of `endpoint/<name>`. */
  home(name: string): string;
  identity(name: string): string;
}

/** Enrols `endpoint/<name>` for each name, then ends every service of the domain. */
export async function enrolPeople(folder: string, names: readonly string[]): Promise<People> {
  const stack = await startStack();
  try {
    for (const name of names) {
      const { status, stderr } = await stack.cli(
        `enrol --id ${who(`endpoint/${name}`)} --evidence -`,
        await stack.tokens(who(`endpoint/${name}`)),
      );
      if (status !== 0) throw new Error(stderr);
    }
    const home = (name: string): string => join(folder, name);
    for (const name of names) {
      mkdirSync(home(name), { mode: 0o700 });
      cpSync(join(stack.folder, "home"), home(name), { recursive: true });
      const keys = join(home(name), "identities", "example.org", "endpoint");
      for (const file of readdirSync(keys)) if (file !== `${name}.keys`) rmSync(join(keys, file));
    }
    const passphraseFile = join(folder, "pass");
    cpSync(join(stack.folder, "pass"), passphraseFile);
    return { passphraseFile, home, identity: (name) => who(`endpoint/${name}`) };
  } finally {
    await stack.close();
  }
}
