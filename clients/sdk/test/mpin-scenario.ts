/**
 * One enrolment and two logins from a fixed seed, as a program for any JavaScript engine: nothing but the language and what comes in
 * is used. Everything it sends is reported, byte for byte.
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { concat, parseUtf8, utf8 } from "@milagro/crypto/bytes";
import type { RandomBytes } from "@milagro/engine/engine";
import { createNobleEngine } from "@milagro/engine/noble";
import { sha256 } from "@noble/hashes/sha2.js";
import type { HttpRequest, HttpResponse } from "../src/http-port.ts";
import { login, openMpinClient, parsePin } from "../src/mpin.ts";
import { beginEnrolment, codeEvidence, fetchLoginService } from "../src/mpin-enrol.ts";

/** What the others answered when it was run for the first time, in the order of each address. */
export interface Recording {
  readonly origin: string;
  readonly seed: string;
  readonly nowMs: number;
  readonly descriptorHash: string;
  readonly codes: readonly string[];
  readonly answers: Readonly<Record<string, readonly { readonly status: number; readonly body: string }[]>>;
}

export interface Report {
  /** Address and body of every request, in order. */
  readonly sent: readonly string[];
  readonly outcomes: readonly string[];
}

/** What a scenario needs of the world. */
export interface Surroundings extends Omit<Recording, "codes" | "answers"> {
  readonly http: (request: HttpRequest) => Promise<HttpResponse>;
  /** The code that a D-TA has mailed. */
  readonly code: (index: number) => string;
}

function seeded(seed: string): RandomBytes {
  let counter = 0;
  return (length) => {
    const blocks: Uint8Array[] = [];
    for (let have = 0; have < length; have += 32) {
      counter += 1;
      blocks.push(sha256(utf8(`${seed} ${counter}`)));
    }
    return concat(...blocks).slice(0, length);
  };
}

export async function runScenario(around: Surroundings): Promise<Report> {
  const random = seeded(around.seed);
  const engine = createNobleEngine({ random });
  const values = new Map<string, Uint8Array>();
  const sent: string[] = [];
  const client = openMpinClient({
    engine,
    random,
    origin: around.origin,
    clock: () => around.nowMs,
    sleep: async () => undefined,
    storage: {
      get: async (key) => values.get(key)?.slice(),
      put: async (key, value) => void values.set(key, value.slice()),
      delete: async (key) => void values.delete(key),
      keys: async (prefix) => [...values.keys()].filter((key) => key.startsWith(prefix)),
    },
    http: (request) => {
      sent.push(`${request.method} ${request.url} ${parseUtf8(request.body ?? new Uint8Array())}`);
      return around.http(request);
    },
  });
  const service = await fetchLoginService(client);
  const pin = { descriptorHash: parseBase64url(around.descriptorHash) };
  const loadEngine = async () => engine;
  const enrolment = await beginEnrolment(client, { service, user: "alice@example.org", label: "Any", loadEngine, pin });
  await enrolment.requestCodes("en");
  const evidence = enrolment.authorities.map(({ index }) => codeEvidence(index, around.code(index)));
  const outcomes = [(await enrolment.submit(evidence)).outcome as string];
  const chosen = await enrolment.finish(parsePin(utf8("8068")));
  if ("outcome" in chosen) return { sent, outcomes: [...outcomes, chosen.outcome] };
  outcomes.push((await chosen.register()).outcome);
  const { identity } = enrolment;
  for (const digits of ["8069", "8068"]) {
    outcomes.push((await login(client, { identity, pin: parsePin(utf8(digits)) })).outcome);
  }
  return { sent, outcomes };
}

/** The scenario among recorded answers: who asks for something else than the first time gets none. */
export function play(recording: Recording): Promise<Report> {
  const taken = new Map<string, number>();
  return runScenario({
    ...recording,
    code: (index) => recording.codes[index - 1] as string,
    http: async ({ method, url }) => {
      const address = `${method} ${url}`;
      const nth = taken.get(address) ?? 0;
      taken.set(address, nth + 1);
      const answer = recording.answers[address]?.[nth];
      if (!answer) throw new TypeError("this was not asked the first time");
      return { status: answer.status, headers: {}, body: utf8(answer.body) };
    },
  });
}

/** The same from text to text, for engines that are handed nothing else. */
export async function playText(recording: string): Promise<string> {
  return JSON.stringify(await play(JSON.parse(recording)));
}

/** For comparing what two engines have sent without printing all of it. */
export const fingerprint = ({ sent }: Report): string => encodeBase64url(sha256(utf8(sent.join("\n"))));
