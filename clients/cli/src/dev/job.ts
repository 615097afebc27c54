import { relative } from "node:path";
import type { Context } from "../command.ts";
import { type DevHome, DTA_COUNT } from "./dev-home.ts";
import { runInnerJson } from "./inner-command.ts";
import type { Parties } from "./parties.ts";
import type { Timeline } from "./timeline.ts";

export const DOMAIN = "acme";
export const ALICE = `milagro:${DOMAIN}/person/alice`;
export const ENDPOINT = `milagro:${DOMAIN}/endpoint/web-1`;
export const SECRET_PATH = "app/signing-key";

export const EPOCH_SECONDS = "3600";
/** Which operators run the authorities of the demonstration; three of different countries is the point of them. */
export const OPERATORS = [
  ["operator-one", "CH"],
  ["operator-two", "NL"],
  ["operator-three", "JP"],
] as const;

export interface Job {
  readonly context: Context;
  readonly home: DevHome;
  readonly timeline: Timeline;
  readonly parties: Parties;
}

export type Answer = Readonly<Record<string, unknown>>;

/** Runs a command and shows it as it can be pasted: paths relative to the current folder. */
export async function milagro(
  job: Job,
  args: readonly string[],
  options: { readonly input?: string; readonly show?: string | false } = {},
): Promise<Answer> {
  const { context, timeline } = job;
  if (options.show !== false) timeline.command(options.show ?? `milagro ${args.join(" ")}`);
  return runInnerJson(context, {
    args,
    ...(options.input === undefined ? {} : { input: options.input }),
  });
}

/** A path as it is shown and given: relative to where the person stands. */
export function near(job: Job, path: string): string {
  const text = relative(job.context.io.cwd, path);
  return text.startsWith("..") || text === "" ? path : text;
}

export const each = <T>(work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: DTA_COUNT }, (_, i) => work(i + 1)));
