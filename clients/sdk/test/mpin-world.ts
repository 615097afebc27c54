/**
 * A trust domain of three D-TAs and a login server in memory, and devices that reach them. Every HTTP call and every access to storage
 * goes through one gate, where a test can stop a device: before it is done, or after it, with the answer lost.
 * @module
 */
import { utf8 } from "@milagro/crypto/bytes";
import { type Pin, parsePin } from "@milagro/crypto/mpin-token";
import type { G1Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { createG1Engine } from "@milagro/engine/wasm-g1";
import { engine, type Founded, NOW_MS, random } from "../../../core/protocol/test/fixture.ts";
import type { HttpRequest } from "../src/http-port.ts";
import { beginEnrolment } from "../src/mpin-enrolment.ts";
import type { AskingEnrolment } from "../src/mpin-enrolment-asking.ts";
import { codeEvidence } from "../src/mpin-evidence.ts";
import { type MpinClient, type MpinPorts, type MpinStorage, openMpinClient } from "../src/mpin-ports.ts";
import { fetchLoginService } from "../src/mpin-service.ts";
import { askDta, type MpinDta, newDta } from "./mpin-dtas.ts";
import { ORIGIN, TestServer } from "./mpin-server.ts";

/** Thrown where a test has stopped a device: nothing after it ever happened. */
export class Crash extends Error {}

/** Before everything a device does outside, and, by what it returns, after it. */
export type Gate = (what: string) => () => void;

export const OPEN_GATE: Gate = () => () => undefined;
export const loadEngine = async () => engine;
/** What a login runs on: G1 and nothing else. */
export const g1: G1Engine = await createG1Engine({ random });

export const pinOf = (digits: string): Pin => parsePin(utf8(digits));

/** A device's disk. */
export class MemoryStorage {
  readonly values = new Map<string, Uint8Array>();
  /** Who came last for each name, as a browser keeps them for its windows. */
  readonly #last = new Map<string, Promise<unknown>>();

  port(gate: Gate): MpinStorage {
    const through = async <T>(what: string, act: () => T): Promise<T> => {
      const after = gate(what);
      const result = act();
      after();
      return result;
    };
    return {
      get: (key) => through(`get ${key}`, () => this.values.get(key)?.slice()),
      put: (key, value) => through(`put ${key}`, () => void this.values.set(key, value.slice())),
      delete: (key) => through(`delete ${key}`, () => void this.values.delete(key)),
      keys: (prefix) => through("keys", () => [...this.values.keys()].filter((key) => key.startsWith(prefix))),
      alone: (name, work) => {
        const mine = (this.#last.get(name) ?? Promise.resolve()).then(work, work);
        this.#last.set(name, mine);
        return mine;
      },
    };
  }
}

export class World {
  readonly founded: Founded;
  readonly dtas: readonly MpinDta[];
  readonly server: TestServer;
  nowMs = NOW_MS;
  /** Calls as `POST /v1/issue`, in order. */
  readonly calls: string[] = [];
  /** What the login server answers is lost before this one arrives. */
  serverDown = false;

  constructor(founded: Founded) {
    this.founded = founded;
    this.dtas = founded.members.map(newDta);
    this.server = new TestServer(founded);
  }

  ports(storage: MemoryStorage, gate: Gate = OPEN_GATE): MpinPorts {
    return {
      engine: g1,
      random,
      storage: storage.port(gate),
      clock: () => this.nowMs,
      sleep: async (ms) => {
        this.nowMs += ms;
      },
      origin: ORIGIN,
      http: async (request) => {
        const after = gate(`http ${request.url}`);
        const answer = await this.#answer(request);
        after();
        return answer;
      },
    };
  }

  device(storage = new MemoryStorage(), gate: Gate = OPEN_GATE): MpinClient {
    return openMpinClient(this.ports(storage, gate));
  }

  /** The code that a D-TA mailed last. */
  code(index: number): string {
    return this.dtas[index - 1]?.mails.at(-1)?.code ?? "";
  }

  codes() {
    return this.founded.members.map(({ index }) => codeEvidence(index, this.code(index)));
  }

  async begin(client: MpinClient, user = "alice@example.org"): Promise<AskingEnrolment> {
    const service = await fetchLoginService(client);
    return beginEnrolment(client, { service, user, label: "Laptop", loadEngine });
  }

  /** A device that is enrolled. */
  async enrolled(digits = "8068", user = "alice@example.org") {
    const storage = new MemoryStorage();
    const client = this.device(storage);
    const enrolment = await this.begin(client, user);
    await enrolment.requestCodes("en");
    await enrolment.submit(this.codes());
    const chosen = await enrolment.finish(pinOf(digits));
    if ("outcome" in chosen) throw new Error("a weak PIN");
    const { identity } = enrolment;
    await chosen.register();
    return { storage, client, identity };
  }

  async #answer(request: HttpRequest) {
    this.calls.push(`${request.method} ${new URL(request.url).pathname.replace(/[A-Za-z0-9_-]{43}/, ":id")}`);
    const at = this.founded.domain.descriptor.authorities.findIndex(({ url }) => request.url.startsWith(`${url}/`));
    const [member, dta] = [this.founded.members[at], this.dtas[at]];
    if (member && dta) return askDta(this.founded, member, dta, request);
    if (this.serverDown || !request.url.startsWith(ORIGIN))
      throw new MilagroError("ERR_UNREACHABLE", "nothing answers");
    return this.server.handle(request);
  }
}
