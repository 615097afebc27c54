/**
 * Three operators who have founded the domain `acme` by separate commands, in one folder: where tests of the command line go on from.
 * @module
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { epochSecondsAwayFromTheEnd } from "../support/epochs.ts";
import { makeTempFolder } from "../support/temp-folder.ts";
import { type Daemon, type Finished, milagro, type RunOptions, startDaemon } from "./milagro.ts";

const MEMBERS = [1, 2, 3] as const;

export interface ThreeOperators {
  /** In the folder; there from `found` on, as all else. */
  path(...parts: string[]): string;
  options(input?: string): RunOptions;
  /** `line` is words; `more` may hold spaces. */
  call(line: string, more?: readonly string[], input?: string): Promise<Finished>;
  /** What it printed. @throws when it did not end with 0 */
  run(line: string, more?: readonly string[], input?: string): Promise<string>;
  /** The code that a command ended with; "ok" when it did not fail. */
  failure(line: string, more?: readonly string[], input?: string): Promise<string>;
  eachMember<T>(work: (member: number) => Promise<T>): Promise<T[]>;
  /** Gives a person, in a home of their own, keys by a join token of each D-TA. */
  enrol(home: string, identity: string, options?: string): Promise<void>;
  /**
   * @param home - of who founds; `homes` pin the domain
   * @param proposal - more options of `domain propose`
   */
  found(home: string, homes: readonly string[], policy: object, proposal: string): Promise<void>;
  /** Stopped by `close`, the last one first. */
  readonly daemons: Daemon[];
  close(): Promise<void>;
}

/** The options by which somebody acts as an identity. */
export const acting = (home: string, identity: string): string =>
  `--home ${home} --id ${identity} --passphrase-file pass`;

export function threeOperators(): ThreeOperators {
  let folder = "";
  const daemons: Daemon[] = [];
  const options = (input?: string): RunOptions => ({
    cwd: folder,
    env: { NODE_COMPILE_CACHE: join(folder, "cache") },
    ...(input === undefined ? {} : { input }),
  });
  const call = (line: string, more: readonly string[] = [], input?: string): Promise<Finished> =>
    milagro([...line.split(" "), ...more], options(input));
  async function run(line: string, more: readonly string[] = [], input?: string): Promise<string> {
    const { status, stdout, stderr } = await call(line, more, input);
    if (status !== 0) throw new Error(`milagro ${line} ended with ${status}: ${stderr}`);
    return stdout;
  }
  const eachMember = <T>(work: (member: number) => Promise<T>): Promise<T[]> => Promise.all(MEMBERS.map(work));

  return {
    path: (...parts) => join(folder, ...parts),
    options,
    call,
    run,
    eachMember,
    daemons,

    async failure(line, more = [], input) {
      const { status, stderr } = await call(`${line} --format json`, more, input);
      const error = stderr.split("\n").find((text) => text.startsWith("{")) ?? "{}";
      return status === 0 ? "ok" : JSON.parse(error).error.code;
    },

    async enrol(home, identity, more = "") {
      const tokens = await eachMember((member) => run(`dta token --home dta-${member} ${identity}`));
      await run(`enrol ${acting(home, identity)} --evidence -${more}`, [], tokens.join(""));
    },

    async found(home, homes, policy, proposal) {
      folder = await makeTempFolder();
      await writeFile(join(folder, "pass"), "a passphrase of this test\n", { mode: 0o600 });
      const pass = "--passphrase-file pass";
      await eachMember((n) =>
        run(`dta init --home dta-${n} --name dta-${n} --operator op-${n} --jurisdiction CH ${pass}`),
      );
      const dtas = await eachMember((n) =>
        startDaemon(`dta serve --home dta-${n} --listen 127.0.0.1:0 ${pass}`.split(" "), options()),
      );
      daemons.push(...dtas);
      const urls = dtas.map(({ ready }) => `--dta ${String(ready["url"])}`).join(" ");
      const epoch = epochSecondsAwayFromTheEnd(3600, 900);
      await run(`domain propose acme ${urls} ${proposal} --epoch ${epoch} --out proposal.json`);
      const text = await readFile(join(folder, "proposal.json"), "utf8");
      await eachMember((member) => run(`dta approve --home dta-${member} -`, [], text));
      await run(`domain found proposal.json --home ${home} --out acme.json`);
      await Promise.all(homes.map((other) => run(`domain verify acme.json --home ${other}`)));
      await eachMember((member) => run(`dta policy --home dta-${member} --set -`, [], JSON.stringify(policy)));
    },

    async close() {
      for (const daemon of daemons.toReversed()) await daemon.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
