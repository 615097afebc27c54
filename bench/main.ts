/**
 * `npm run bench -- [area …] [--json] [--save] [--budget ms]`: runs the areas, each a file `bench/<area>.ts` that exports
 * `run(report)`. Without an area all of them run, but those that
 * take minutes. Results go to stdout, progress to stderr.
 * @module
 */
import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { createReporter, type Reporter, type Row } from "./harness/reporter.ts";
import { saveResults } from "./harness/results.ts";
import { formatTable } from "./harness/table.ts";

/** What a file in this folder exports to be an area. */
interface Area {
  run(report: Reporter): Promise<void>;
}

const available = readdirSync(new URL(".", import.meta.url))
  .filter((file) => file.endsWith(".ts") && file !== "main.ts")
  .map((file) => file.slice(0, -3));

/** Areas that take minutes by nature: only when asked for by name. */
const ON_REQUEST: ReadonlySet<string> = new Set(["timing-leak"]);

const HELP = `Usage: npm run bench -- [area …] [--json] [--save] [--budget ms]

Areas: ${available.join(", ")} (default: all but ${[...ON_REQUEST].join(", ")})
  --json   one JSON object per line on stdout
  --save   also write bench/results/<area>.json with machine and commit
  --budget milliseconds for each contender of each row, about (default 1500)`;

// Ending in order ends also the processes that a benchmark has started.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
process.exitCode = await main();

async function main(): Promise<number> {
  let options: { values: { json?: boolean; save?: boolean; budget?: string; help?: boolean }; positionals: string[] };
  try {
    options = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: "boolean" },
        save: { type: "boolean" },
        budget: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : "bad arguments"}\n\n${HELP}\n`);
    return 1;
  }
  if (options.values.help) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  const areas =
    options.positionals.length > 0 ? options.positionals : available.filter((area) => !ON_REQUEST.has(area));
  const unknown = areas.filter((area) => !available.includes(area));
  if (unknown.length > 0) {
    process.stderr.write(`no such area: ${unknown.join(", ")}\n\n${HELP}\n`);
    return 1;
  }
  const budgetMs = Number(options.values.budget ?? 1500);
  if (!(budgetMs > 0)) {
    process.stderr.write(`--budget wants a number of milliseconds\n\n${HELP}\n`);
    return 1;
  }
  for (const name of areas) {
    const rows: Row[] = [];
    const emit = (row: Row): void => {
      rows.push(row);
      if (options.values.json) process.stdout.write(`${JSON.stringify(row)}\n`);
    };
    const area = (await import(new URL(`${name}.ts`, import.meta.url).href)) as Partial<Area>;
    if (typeof area.run !== "function") {
      process.stderr.write(`bench/${name}.ts does not export run(report)\n`);
      return 1;
    }
    await area.run(createReporter(name, emit, (text) => process.stderr.write(`${text}\n`), budgetMs));
    if (!options.values.json) process.stdout.write(`\n${name}\n${formatTable(rows)}\n`);
    if (options.values.save) process.stderr.write(`saved ${saveResults(name, rows).pathname}\n`);
  }
  return 0;
}
