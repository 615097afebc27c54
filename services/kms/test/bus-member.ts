/**
 * A D-TA as the bus sees it: connects outwards with its token, opens sealed requests, issues, signs receipts. It decides
 * nothing: deciding is tested where it lives.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { answersTopic, encodeBusAnswer, parseBusRequest, requestsTopic } from "@milagro/protocol/bus-messages";
import { makeDtaBusToken } from "@milagro/protocol/bus-token";
import {
  openIssuanceRequest,
  sealShares,
  sharesHashOf,
  signReceipt,
  signRefusal,
  verifyRenewal,
} from "@milagro/protocol/issuance";
import type { IssuanceAnswer } from "@milagro/protocol/issuance-messages";
import { issueShares } from "@milagro/protocol/issue-shares";
import { problemOf } from "@milagro/protocol/problem";
import { parseJson } from "@milagro/protocol/wire";
import { type Bus, connectBus } from "@milagro/runtime/bus";
import { silentLog } from "@milagro/runtime/log";
import { engine, type Founded, random } from "./support.ts";

export interface BusMember {
  readonly bus: Bus;
  /** Requests that arrived, in order. */
  readonly seen: string[];
  /** Evidence types of what was issued. */
  readonly evidence: string[];
  /** What it does with a request. */
  mode: "issue" | "refuse" | "sealed";
  close(): Promise<void>;
}

export async function joinBus(
  founded: Founded,
  index: number,
  url: string,
  nowMs: () => number = Date.now,
): Promise<BusMember> {
  const member = founded.members[index - 1];
  if (!member) throw new Error("no such member");
  const { domainId } = founded.domain;
  const { masters, hpke } = member;
  const { statement } = masters;
  const answers = new Map<string, IssuanceAnswer>();
  const seen: string[] = [];
  const evidence: string[] = [];
  const bus = connectBus({
    url,
    log: silentLog,
    maxDelayMs: 200,
    credentials: {
      subject: `dta:${index}`,
      token: () => makeDtaBusToken(engine, random, { domainId, index, statement, nowMs: nowMs() }),
    },
  });
  const self: BusMember = { bus, seen, evidence, mode: "issue", close: () => bus.close() };

  async function answer(payload: Uint8Array): Promise<void> {
    const { id: name, request: sealed } = parseBusRequest(parseJson(parseUtf8(payload)));
    seen.push(name);
    const reply = (part: { answer: IssuanceAnswer } | { problem: ReturnType<typeof problemOf> }) =>
      bus.publish(
        answersTopic(domainId, index),
        utf8(JSON.stringify(encodeBusAnswer({ v: 1, id: name, index, ...part }))),
      );
    if (self.mode === "sealed") return reply({ problem: problemOf(new MilagroError("ERR_SEALED", "sealed")) });
    const opened = await openIssuanceRequest({ privateKey: hpke.privateKey, domainId, index, sealed });
    const { request, requestHash } = opened;
    const time = Math.floor(nowMs() / 1000);
    if (self.mode === "refuse") {
      const refusal = { code: "ERR_EVIDENCE_MISSING", detail: "not today" };
      return reply({ answer: signRefusal(engine, statement, { v: 1, index, requestHash, refusal, time }) });
    }
    const key = encodeBase64url(requestHash);
    let made = answers.get(key);
    if (!made) {
      for (const item of request.evidence) {
        if (item.type === "renewal" && !verifyRenewal(engine, founded.domain.publicKey, opened, item))
          throw new Error("a renewal that is none");
        evidence.push(item.type);
      }
      const shares = await sealShares({
        random,
        requestKey: request.requestKey,
        requestHash,
        index,
        shares: issueShares(engine, masters, request),
      });
      const receipt = signReceipt(engine, statement, {
        v: 1,
        domainId,
        index,
        requestHash,
        identity: request.identity,
        keys: request.keys,
        sharesHash: sharesHashOf(shares),
        policyVersion: 1,
        time,
        logIndex: answers.size + 1,
        logHead: new Uint8Array(32),
      });
      made = { v: 1, index, requestHash, shares, receipt };
      answers.set(key, made);
    }
    return reply({ answer: made });
  }

  await bus.subscribe(requestsTopic(domainId, index), (payload) => answer(payload));
  return self;
}

export async function connected(bus: Bus): Promise<void> {
  if (bus.state === "connected") return;
  await new Promise<void>((resolve) => {
    const off = bus.onState((state) => {
      if (state !== "connected") return;
      off();
      resolve();
    });
  });
}

/** Asks until it is so, ever more rarely; gives up only when no machine could still be on its way there. */
export async function eventually<T>(
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 120_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (let pauseMs = 25; ; pauseMs = Math.min(pauseMs * 1.3, 500)) {
    const found = await ask();
    if (found !== undefined && found !== false) return found as T;
    if (Date.now() > deadline) throw new Error(`still not so after ${withinMs / 1000} s: ${ask}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
