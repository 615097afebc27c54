/**
 * A real Apache httpd for tests: own folder, own port on loopback, ended by its process id.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../support/needs.ts";
import { PATIENT } from "../support/patient.ts";

const MODULES = "/usr/lib/apache2/modules";
const OPENID_MODULE = "mod_auth_openidc.so";
/** Modules are no programs: one that is missing is named like one. */
export const needsApache = needs("apache2", ...(existsSync(join(MODULES, OPENID_MODULE)) ? [] : [OPENID_MODULE]));

export interface Apache {
  readonly origin: string;
  /** What it has logged. */
  log(): string;
  stop(): Promise<void>;
}

/**
 * @param folder - belongs to the caller; everybody may enter it, as httpd leaves root behind
 * @param configuration - added behind modules, port and document root
 */
export async function startApache(
  folder: string,
  port: number,
  modules: readonly string[],
  configuration: string,
): Promise<Apache> {
  const origin = `http://localhost:${port}`;
  const files = join(folder, "htdocs");
  mkdirSync(files, { recursive: true });
  chmodSync(folder, 0o755);
  writeFileSync(join(files, "index.html"), "<h1>Inside</h1>\n");
  const base = [
    "mpm_event",
    "authz_core",
    "authn_core",
    "auth_basic",
    "authz_user",
    "authz_host",
    "dir",
    "mime",
    "headers",
  ];
  const isRoot = process.getuid?.() === 0;
  const text = [
    `ServerRoot "${folder}"`,
    ...[...base, ...modules].map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`),
    `Listen 127.0.0.1:${port}`,
    `ServerName localhost:${port}`,
    `PidFile "${folder}/httpd.pid"`,
    `Mutex file:${folder} default`,
    `DefaultRuntimeDir "${folder}"`,
    `ErrorLog "${folder}/error.log"`,
    ...(isRoot ? ["User www-data", "Group www-data"] : []),
    "TypesConfig /etc/mime.types",
    `DocumentRoot "${files}"`,
    "DirectoryIndex index.html",
    configuration,
  ].join("\n");
  const file = join(folder, "httpd.conf");
  writeFileSync(file, `${text}\n`);
  const child = spawn("apache2", ["-f", file, "-D", "FOREGROUND"], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout?.on("data", (chunk) => (said += String(chunk)));
  child.stderr?.on("data", (chunk) => (said += String(chunk)));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const log = () => {
    try {
      return said + readFileSync(join(folder, "error.log"), "utf8");
    } catch {
      return said;
    }
  };
  await untilItAnswers(origin, child, log);
  return {
    origin,
    log,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function untilItAnswers(origin: string, child: ChildProcess, log: () => string): Promise<void> {
  for (const end = performance.now() + PATIENT.timeout; performance.now() < end; ) {
    if (child.exitCode !== null) throw new Error(`httpd did not start: ${log()}`);
    const answered = await fetch(origin, { redirect: "manual" }).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  child.kill("SIGKILL");
  throw new Error(`httpd does not answer: ${log()}`);
}
