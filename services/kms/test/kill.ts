/**
 * Killing a D-KMS while a client puts, and looking at what is left.
 * @module
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Identity } from "@milagro/crypto/identity";
import { expect } from "vitest";
import type { Running } from "./process.ts";
import type { Client } from "./support.ts";

/**
 * Puts versions from `next` on until the process dies, which it does some time after the first was acknowledged.
 * @returns the values that were acknowledged, in order
 */
export async function putUntilKilled(
  author: Client,
  kms: Running,
  recipients: readonly Identity[],
  path: string,
  next: number,
  round: string,
): Promise<string[]> {
  const acknowledged: string[] = [];
  let killer: Promise<number | string> | undefined;
  for (let version = next; ; version++) {
    const value = `version ${version}, ${round}`;
    const answer = await author
      .put(kms.url, path, version, recipients, value, { "idempotency-key": `${round.replaceAll(" ", "-")}-${version}` })
      .catch(() => undefined);
    if (answer?.status !== 201) break;
    acknowledged.push(value);
    killer ??= pause(Math.random() * 300).then(() => kms.end("SIGKILL"));
  }
  expect(await killer).toBe("SIGKILL");
  return acknowledged;
}

interface Event {
  readonly sequence: number;
  readonly version: number;
  readonly path: string;
  readonly record: unknown;
}

/** The plaintexts of a path's versions, after checking that versions and deliveries have neither gap nor double. */
export async function inventoryOf(author: Client, recipient: Client, url: string, path: string): Promise<string[]> {
  const listed = await author.call("GET", `${url}/v1/versions/${path}`);
  if (listed.json?.code === "ERR_SECRET_UNKNOWN") return [];
  const numbers: number[] = listed.json.versions.map((v: { version: number }) => v.version).reverse();
  expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  const events: Event[] = [];
  for (let after = 0; ; ) {
    const page = (await recipient.call("GET", `${url}/v1/events?after=${after}`)).json;
    if (page.events.length === 0) break;
    events.push(...page.events);
    after = page.next;
  }
  expect(events.map((e) => e.sequence)).toEqual(events.map((_, i) => i + 1));
  const mine = events.filter((event) => event.path === path);
  expect(mine.map((e) => e.version)).toEqual(numbers);
  return mine.map((event) => recipient.open(event.record));
}
