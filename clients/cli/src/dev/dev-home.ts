/**
 * The folder of `milagro dev`: one sub-folder for each party, as if they were different machines.
 *
 *   dta-1 dta-2 dta-3   the authorities, each with its own masters, log and passphrase file beside it
 *   kms                 the D-KMS
 *   endpoint            the daemon that receives the secret
 *   alice               the profile of a person who puts it
 *   login               the login server
 *   gateway             the encryption gateway with its profile, and the folder that it stores in
 *   carol               the profile of a person without the attribute
 *   mail                what each authority has mailed, a folder each
 *   logs                what each process logged
 *   dev.json            addresses and process ids
 * @module
 */
import { randomInt } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import { makePrivateFolder, writeFileAtomic } from "@milagro/runtime/atomic-file";
import { sleep } from "@milagro/runtime/clock";
import { systemRandom } from "@milagro/runtime/random";

export const DTA_COUNT = 3;
/** More than the ten seconds in which a service stops (runtime/lifecycle). */
const PATIENCE_MS = 12_000;
/** Above what services of the machine itself have, below what Linux and macOS give to connections. */
const [FIRST_PORT, LAST_PORT] = [20_000, 32_000];

export interface DevState {
  readonly ports: {
    readonly dtas: readonly number[];
    readonly kms: number;
    readonly bus: number;
    readonly login: number;
  };
  /** The domain exists and everybody knows it. */
  readonly founded: boolean;
  /** The process that runs it, and its services. */
  readonly pid: number;
  readonly services: readonly number[];
}

export interface DevHome {
  readonly folder: string;
  path(...parts: string[]): string;
  dta(index: number): string;
  /** The passphrase file of a party, made when missing. */
  passphrase(party: string): Promise<string>;
  read(): DevState | undefined;
  write(state: DevState): Promise<void>;
}

export function devHome(folder: string): DevHome {
  const path = (...parts: string[]): string => join(folder, ...parts);
  return {
    folder,
    path,
    dta: (index) => path(`dta-${index}`),
    async passphrase(party) {
      const file = path("passphrases", party);
      await makePrivateFolder(folder);
      await makePrivateFolder(path("passphrases"));
      if (!existsSync(file)) await writeFileAtomic(file, `${encodeBase64url(systemRandom(24))}\n`);
      return file;
    },
    read() {
      try {
        return JSON.parse(readFileSync(path("dev.json"), "utf8")) as DevState;
      } catch {
        return undefined;
      }
    },
    write: (state) => writeFileAtomic(path("dev.json"), `${JSON.stringify(state, null, 2)}\n`),
  };
}

/**
 * Makes sure that nobody else works here: refuses while another run is alive, ends services that a killed one left behind.
 * @param patienceMs - for services to end by themselves
 * @throws `ERR_ADDRESS_IN_USE`
 */
export async function claimHome(home: DevHome, patienceMs = PATIENCE_MS): Promise<void> {
  const state = home.read();
  if (!state) return;
  if (state.pid !== process.pid && worksIn(state.pid, "dev")) {
    throw new MilagroError(
      "ERR_ADDRESS_IN_USE",
      `"milagro dev" runs in ${home.folder} already (process ${state.pid}): stop it first`,
    );
  }
  const left = state.services.filter((pid) => worksIn(pid, home.folder));
  const still = (): readonly number[] => left.filter((pid) => worksIn(pid, home.folder));
  for (const pid of left) signal(pid, "SIGTERM");
  for (let waited = 0; still().length > 0 && waited < patienceMs; waited += 100) await sleep(100);
  // As if the machine had lost its power: they are made for that, and their ports are needed.
  for (const pid of still()) signal(pid, "SIGKILL");
  while (still().length > 0) await sleep(20);
}

/** Forgets everything but nothing outside: only what this module and the services made is removed. */
export async function removeHome(home: DevHome): Promise<void> {
  const names = [
    ...Array.from({ length: DTA_COUNT }, (_, i) => `dta-${i + 1}`),
    "kms",
    "endpoint",
    "alice",
    "login",
    "gateway",
    "carol",
    "mail",
    "logs",
    "passphrases",
    "proposal.json",
    "acme.json",
    "dev.json",
  ];
  for (const name of names) await rm(home.path(name), { recursive: true, force: true });
}

/**
 * Ports that are free now. They are written into the descriptor, so a second run needs the same ones: they come from below the range out of which
 * systems give a port to every connection.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count; tries++) {
    if (tries > 1000) throw new MilagroError("ERR_ADDRESS_IN_USE", "no free ports were found on 127.0.0.1");
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** It may have ended by now. */
function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch {}
}

/** Whether the process is alive and has `word` in its command line: a process id alone may be somebody else's by now. */
function worksIn(pid: number, word: string): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(word);
  } catch {
    return false;
  }
}
