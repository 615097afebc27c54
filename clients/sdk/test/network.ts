/**
 * A network in memory: D-TAs made of the protocol's own functions behind the client's HTTP port, and a D-KMS that does as it is
 * told. Each can be down, refuse, or lie.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { signStatement } from "@milagro/crypto/bls";
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { signApproved } from "@milagro/protocol/approved-answer";
import { approveAll, entitlementsOf, issueAttributeShares, signApprovals } from "@milagro/protocol/attribute-issuance";
import { type SchemaStatement, schemaBody } from "@milagro/protocol/attribute-schema-statement";
import { openIssuanceRequest, sealShares, sharesHashOf, signReceipt, signRefusal } from "@milagro/protocol/issuance";
import {
  encodeIssuanceAnswer,
  type IssuanceRequest,
  parseSealedRequest,
  type Share,
} from "@milagro/protocol/issuance-messages";
import { issueShares } from "@milagro/protocol/issue-shares";
import { encodeProblem, problemOf } from "@milagro/protocol/problem";
import { statementBytes } from "@milagro/protocol/statement";
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
  /** The attribute schema it publishes. */
  schema?: { readonly version: number; readonly schema: unknown };
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
    if (request.url.endsWith("/v1/attributes")) return json(200, publish(founded, member, behaviour));
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
  const entitlements = entitlementsOf(request);
  if (entitlements.length > 0 && request.approvals === undefined) {
    const approvals = signApprovals(engine, masters.statement, entitlements, requestHash);
    const log = { policyVersion: 1, time, logIndex: 6, logHead: new Uint8Array(32) };
    return signApproved(engine, masters.statement, { v: 1, index, requestHash, approvals, ...log });
  }
  const statementKeys = founded.domain.authorities.map(({ publicShares }) => publicShares.statement);
  const honest =
    request.approvals === undefined
      ? issueShares(engine, masters, request)
      : issueAttributeShares(
          engine,
          masters,
          approveAll(engine, random, entitlements, requestHash, statementKeys, request.approvals),
        );
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

function publish({ domain }: Founded, { masters }: Member, { schema }: DtaBehaviour) {
  if (!schema) throw new TypeError("no schema");
  const body = schemaBody({
    v: 1,
    domainId: domain.domainId,
    version: schema.version,
    schema: schema.schema as SchemaStatement["schema"],
  }) as object;
  const signature = signStatement(engine, masters.statement, statementBytes("attribute-schema", body));
  return { ...body, signature: encodeBase64url(signature) };
}
