import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import LongFirstSequencer from "./tools/long-first-sequencer.ts";

const slow = process.env["SLOW"] === "1";
/** Tests in real browsers: `npm run test:browsers`, and in CI. */
const browsers = process.env["BROWSERS"] === "1";

export default defineConfig({
  resolve: { conditions: ["@milagro/source"] },
  ssr: { resolve: { conditions: ["@milagro/source"] } },
  test: {
    include: [
      "core/*/test/**/*.test.ts",
      "runtime/test/**/*.test.ts",
      "services/*/test/**/*.test.ts",
      "clients/*/test/**/*.test.ts",
      "apps/*/test/**/*.test.ts",
      "tests/**/*.test.ts",
    ],
    exclude: [
      "**/node_modules/**",
      ...(slow ? [] : ["**/*.slow.test.ts"]),
      ...(browsers ? [] : ["**/*.browser.test.ts"]),
    ],
    // Tests start real processes by the dozen; what one has compiled the next need not.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("./node_modules/.cache/compiled", import.meta.url)) },
    sequence: { sequencer: LongFirstSequencer },
    setupFiles: ["./tools/test-setup.ts"],
    reporters: ["default", "./tools/summary-reporter.ts"],
    pool: "forks",
    // Test files share a process: nothing here is global, and loading every module once halves the time.
    isolate: false,
    // One a core: by default one core would stay idle, and most time here is spent waiting for processes.
    maxWorkers: "100%",
    execArgv: ["--conditions=@milagro/source"],
    testTimeout: slow ? 600_000 : 30_000,
    hookTimeout: slow ? 300_000 : 60_000,
  },
});
