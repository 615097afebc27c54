/**
 * The scenario as one file for any JavaScript engine, and what it is to be compared with: a run of it in Node, with real D-TAs and a
 * real server, whose answers are kept.
 * @module
 */
import { fileURLToPath } from "node:url";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { parseUtf8 } from "@milagro/crypto/bytes";
import { rolldown } from "rolldown";
import { expect } from "vitest";
import { foundDomain, NOW_MS } from "../../../core/protocol/test/fixture.ts";
import { fingerprint, type Recording, type Report, runScenario } from "./mpin-scenario.ts";
import { ORIGIN } from "./mpin-server.ts";
import { MemoryStorage, World } from "./mpin-world.ts";

/** A bundled scenario. */
export interface Packed {
  /** Declares `Scenario`. */
  readonly bundle: string;
  /** An expression: a promise of the report as text. */
  readonly call: string;
  /** What it came to in Node. */
  readonly first: Report;
}

export async function packScenario(): Promise<Packed> {
  const [{ recording, first }, bundle] = await Promise.all([record(), pack()]);
  return { bundle, call: `Scenario.playText(${JSON.stringify(JSON.stringify(recording))})`, first };
}

/** The engine did what Node did: same requests, same U, same V, same ends. */
export function expectSame({ first }: Packed, report: Report): void {
  expect(report.outcomes).toEqual(["issued", "registered", "refused", "accepted"]);
  const proof = (sent: readonly string[]) => sent.filter((line) => line.includes("/proofs "));
  expect(proof(report.sent)).toHaveLength(2);
  expect(proof(report.sent)).toEqual(proof(first.sent));
  expect(fingerprint(report)).toBe(fingerprint(first));
}

async function record(): Promise<{ readonly recording: Recording; readonly first: Report }> {
  const founded = await foundDomain(2);
  const world = new World(founded);
  world.server.behaviour.permits = true;
  const { http } = world.ports(new MemoryStorage());
  const answers: Record<string, { status: number; body: string }[]> = {};
  const codes: string[] = [];
  const descriptorHash = encodeBase64url(founded.domain.hash);
  const around = { origin: ORIGIN, seed: "any engine", nowMs: NOW_MS, descriptorHash };
  const first = await runScenario({
    ...around,
    code: (index) => {
      codes[index - 1] = world.code(index);
      return world.code(index);
    },
    http: async (request) => {
      const address = `${request.method} ${request.url}`;
      answers[address] ??= [];
      const list = answers[address];
      const place = list.push({ status: 0, body: "" }) - 1;
      const answer = await http(request);
      list[place] = { status: answer.status, body: parseUtf8(answer.body) };
      return answer;
    },
  });
  return { recording: { ...around, codes, answers }, first };
}

/** The schema library wants a text encoder when it is loaded, which only bare shells are without. Nothing here uses it. */
const withoutEncoder = {
  name: "without-encoder",
  transform: (code: string, id: string) =>
    id.endsWith("/typebox/build/system/hashing/hash.mjs") ? code.replace("new TextEncoder()", "undefined") : undefined,
};

async function pack(): Promise<string> {
  const program = await rolldown({
    input: fileURLToPath(new URL("./mpin-scenario.ts", import.meta.url)),
    resolve: { conditionNames: ["@milagro/source", "import", "default"] },
    external: ["typebox/schema"], // what compiles schemas that are checked often: loaded when it is due, never here
    logLevel: "silent",
    plugins: [withoutEncoder],
  });
  const { output } = await program.generate({ format: "iife", name: "Scenario", codeSplitting: false });
  return output[0].code;
}
