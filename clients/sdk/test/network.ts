/**
 * A network in memory: D-TAs made of the protocol's own functions behind the client's HTTP port, and a D-KMS that does as it is
 * told. Each can be down, refuse, or lie.
 * @module
 */
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { openIssuanceRequest, sealShares, sharesHashOf, signReceipt, signRefusal } from "@milagro/protocol/issuance";
import {
  encodeIssuanceAnswer,
  type IssuanceRequest,
  parseSealedRequest,
  type Share,
} from "@milagro/protocol/issuance-messages";
import { issueShares } from "@milagro/protocol/issue-shares";
import { encodeProblem, problemOf } from "@milagro/protocol/problem";
import { parseJson } from "@milagro/protocol/wire";
import { engine, type Founded, type Member, NOW_MS, random } from "../../../core/protocol/test/fixture.ts";
import type { ClientDeps } from "../src/deps.ts";
import type { HttpPort, HttpRequest, HttpResponse } from "../src/http-port.ts";

export interface DtaBehaviour {
  down?: boolean;
  sealed?: boolean;
  /** Answers with this problem. */
  problem?: string;
  /** A code, for all requests or for some. */
  refuse?: string | ((request: IssuanceRequest) => string | undefined);
  lie?: (shares: Share[]) => Share[];
  /** Every request that could be opened. */
  readonly seen: IssuanceRequest[];
  /** Every sealed request as it came. */
  readonly bodies: string[];
}

export interface Network {
  readonly deps: ClientDeps;
  readonly dtas: DtaBehaviour[];
  /** Answers calls that are for no D-TA. */
  other: (request: HttpRequest) => Promise<HttpResponse>;
  nowMs: number;
}

export function json(status: number, value: unknown): HttpResponse {
  return { status, headers: { "content-type": "application/json" }, body: utf8(JSON.stringify(value)) };
}

export function problem(code: string, detail = "no"): HttpResponse {
  const body = problemOf(new MilagroError(code, detail));
  return json(body.status, encodeProblem(body));
}

export function createNetwork(founded: Founded): Network {
  const dtas = founded.members.map((): DtaBehaviour => ({ seen: [], bodies: [] }));
  const network: Network = {
    dtas,
    nowMs: NOW_MS,
    other: async ({ url }) => {
      throw new MilagroError("ERR_UNREACHABLE", `nothing answers at ${url}`);
    },
    deps: {
      engine,
      random,
      clock: () => network.nowMs,
      sleep: async (ms) => {
        network.nowMs += ms;
      },
      http: ((request) => route(request)) satisfies HttpPort,
      domain: founded.domain,
    },
  };
  const route = async (request: HttpRequest): Promise<HttpResponse> => {
    const at = founded.domain.descriptor.authorities.findIndex(({ url }) => request.url.startsWith(`${url}/`));
    const member = founded.members[at];
    const behaviour = dtas[at];
    if (!member || !behaviour) return network.other(request);
    if (behaviour.down) throw new MilagroError("ERR_UNREACHABLE", "connection refused");
    if (behaviour.sealed) return problem("ERR_SEALED");
    if (behaviour.problem !== undefined) return problem(behaviour.problem);
    return json(200, encodeIssuanceAnswer(await issue(founded, member, behaviour, request.body ?? new Uint8Array())));
  };
  return network;
}

async function issue(founded: Founded, { index, masters, hpke }: Member, behaviour: DtaBehaviour, body: Uint8Array) {
  const { domainId } = founded.domain;
  const sealed = parseSealedRequest(parseJson(parseUtf8(body)));
  behaviour.bodies.push(parseUtf8(body));
  const { request, requestHash } = await openIssuanceRequest({ privateKey: hpke.privateKey, domainId, index, sealed });
  behaviour.seen.push(request);
  const time = Math.floor(NOW_MS / 1000);
  const refusal = typeof behaviour.refuse === "function" ? behaviour.refuse(request) : behaviour.refuse;
  if (refusal !== undefined) {
    return signRefusal(engine, masters.statement, {
      v: 1,
      index,
      requestHash,
      refusal: { code: refusal, detail: "no" },
      time,
    });
  }
  const honest = issueShares(engine, masters, request);
  const shares = await sealShares({
    random,
    requestKey: request.requestKey,
    requestHash,
    index,
    shares: behaviour.lie?.(honest) ?? honest,
  });
  const receipt = signReceipt(engine, masters.statement, {
    v: 1,
    domainId,
    index,
    requestHash,
    identity: request.identity,
    keys: request.keys,
    sharesHash: sharesHashOf(shares),
    policyVersion: 1,
    time,
    logIndex: 7,
    logHead: new Uint8Array(32).fill(index),
  });
  return { v: 1 as const, index, requestHash, shares, receipt };
}
