// Becomes a program of this project: what the launchers in `bin` have in common. Plain JavaScript, because it decides
// whether TypeScript runs at all.
//
// An installed package has its build only. A checkout has its sources and, after `tools/build.mjs` (which `npm start` runs),
// perhaps bundles of its programs; they are taken when nothing that they are made of is younger than the moment at which
// building began. docs/adr/0016 has the figures behind the bundles and the settings here.
import { existsSync, globSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// V8 would let the young generation grow to 64 MiB a thread (workers too: the flag holds for them and outweighs limits of
// their own). These programs do without: what survives a collection is little. And so little that waking helper threads for it takes
// longer than collecting it does.
const SERVICE_FLAGS = ["--max-semi-space-size=2", "--no-parallel-scavenge"];

// For the C library, which reads them when a process begins, and never again. It would give each of Node's ten threads an
// arena of its own, whose free memory no other thread may use; and keep ever more at its end, the more was once freed there.
const SERVICE_ENVIRONMENT = { MALLOC_ARENA_MAX: "2", MALLOC_TRIM_THRESHOLD_: "131072" };

// For a service through which bodies stream. Node makes a buffer for every 64 KiB from the network, dead a moment later. V8 counts them with the
// old generation, and would go through all of that every 16 MiB; let it grow, and the young generation's own, short collections come first and
// free them. The C library would give 64 KiB back to the kernel each time, and take it again. docs/adr/0071 has the figures.
const STREAMING_FLAGS = ["--heap-growing-percent=200"];
const STREAMING_ENVIRONMENT = { MALLOC_TRIM_THRESHOLD_: "16777216" };

/**
 * What a process of a kind is started with.
 * @param {{ service: boolean, streaming?: boolean }} kind
 */
export function startupOf(kind) {
  if (!kind.service) return { flags: [], environment: {} };
  const { streaming = false } = kind;
  return {
    flags: streaming ? [...SERVICE_FLAGS, ...STREAMING_FLAGS] : SERVICE_FLAGS,
    environment: streaming ? { ...SERVICE_ENVIRONMENT, ...STREAMING_ENVIRONMENT } : SERVICE_ENVIRONMENT,
  };
}

/**
 * @param {string} launcher - `import.meta.url` of a file in the `bin` of its package
 * @param {{ service: boolean, streaming?: boolean }} kind - a service runs for months, a command for a moment; bodies stream through some services
 */
export async function launch(launcher, kind) {
  const root = fileURLToPath(new URL("../../..", launcher));
  const installed = launcher.includes("/node_modules/");
  const built = installed ? "../dist/main.js" : isCurrent(root) ? "../bundle/main.js" : undefined;
  const main = fileURLToPath(new URL(built ?? "../src/main.ts", launcher));
  const { flags, environment: allocator } = startupOf(kind);
  // A command's build needs no flags, and Windows cannot replace a process: then it runs right here.
  if (built && (flags.length === 0 || !process.execve)) {
    process.argv[1] = main;
    await import(new URL(built, launcher).href);
    return;
  }
  const own = process.execArgv.filter((flag) => !flag.startsWith("--conditions="));
  const program = built ? [main] : ["--conditions=@milagro/source", main];
  const environment = { ...allocator, ...process.env };
  // Replaced, not forked: process id, signals (SIGKILL too) and exit status are those of the program itself.
  process.removeAllListeners("warning"); // execve is experimental, and says so on standard error
  const args = [process.execPath, ...own, ...flags, ...program, ...process.argv.slice(2)];
  process.execve(process.execPath, args, environment);
}

/** Where building leaves the moment at which it began. */
export const stampOf = (root) => join(root, "node_modules", ".milagro-built");

/** The folders of the packages whose code goes into bundles. */
const packagesOf = (root) =>
  ["core/*", "runtime", "services/*", "clients/*", "apps/*"]
    .flatMap((pattern) => globSync(pattern, { cwd: root }))
    .filter((folder) => existsSync(join(root, folder, "tsconfig.json")))
    .map((folder) => join(root, folder));

/** The folders of the packages that are programs: each has a bundle. */
export const programsOf = (root) =>
  packagesOf(root).filter((folder) => existsSync(join(folder, "bin")) && existsSync(join(folder, "src", "main.ts")));

/** What bundles are made of beside the packages' sources: the dependencies, the engine's WebAssembly, and how it is done. */
const INGREDIENTS = [
  "node_modules/.package-lock.json",
  "core/engine/dist/wasm/stamp",
  "tools/build.mjs",
  "tools/bundle.mjs",
];

/** Whether the bundles of this checkout are those of its sources. */
export function isCurrent(root) {
  const stamp = statSync(stampOf(root), { throwIfNoEntry: false });
  if (!stamp) return false;
  const isOlder = (file) => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) < stamp.mtimeMs;
  return (
    INGREDIENTS.every((file) => isOlder(join(root, file))) &&
    existsSync(join(root, "clients", "web", "dist", "pages", "index.html")) &&
    programsOf(root).every((folder) => existsSync(join(folder, "bundle", "main.js"))) &&
    packagesOf(root).every(
      (folder) =>
        isOlder(join(folder, "package.json")) &&
        globSync("{src,pages}/**", { cwd: folder }).every((file) => isOlder(join(folder, file))),
    )
  );
}
