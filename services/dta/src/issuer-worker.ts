/**
 * The issuer's worker thread. The unsealed master secrets and the private HPKE key live in this file's `masters` and nowhere else in the process; everything that
 * multiplies or pairs runs here. Calls are served one after the other, so `seal` waits for the share before it.
 * @module
 */
import { createHmac, createSecretKey, hkdfSync } from "node:crypto";
import { parentPort } from "node:worker_threads";
import { signStatement, verifyStatement } from "@milagro/crypto/bls";
import { epochIdentity } from "@milagro/crypto/epoch-identity";
import type { HpkePrivateKey } from "@milagro/crypto/hpke";
import { identityInput } from "@milagro/crypto/identity-input";
import { encodeIdentityKeyShare, issueIdentityKeyShare } from "@milagro/crypto/identity-key";
import { Secret } from "@milagro/crypto/secret";
import { createEngine } from "@milagro/engine";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { signApproved } from "@milagro/protocol/approved-answer";
import { approveAll, entitlementsOf, issueAttributeShares, signApprovals } from "@milagro/protocol/attribute-issuance";
import { makeAuthority } from "@milagro/protocol/authority";
import { makeDtaBusToken } from "@milagro/protocol/bus-token";
import { advance, ownSignature } from "@milagro/protocol/ceremony";
import { verifyCredential } from "@milagro/protocol/channel-credential";
import { verifyDeviceApproval } from "@milagro/protocol/device-approval";
import { openEmailCodeRequest } from "@milagro/protocol/email-code";
import { faultReportOf } from "@milagro/protocol/fault";
import {
  encodeShares,
  type OpenedRequest,
  openIssuanceRequest,
  sealEncodedShares,
  sharesHashOf,
  signReceipt,
  signRefusal,
  verifyRenewal,
} from "@milagro/protocol/issuance";
import {
  encodeIssuanceAnswer,
  encodeIssuedAnswer,
  type IssuanceAnswerWire,
  parseSealedRequest,
} from "@milagro/protocol/issuance-messages";
import { checkDvsClaims, issueShares } from "@milagro/protocol/issue-shares";
import { issuePermits } from "@milagro/protocol/permits";
import { advanceRotation, makeRotationReveal, ownRotationSignature } from "@milagro/protocol/rotation";
import { isStatement, statementBytes } from "@milagro/protocol/statement";
import { answerTokenUpdate, verifyTokenUpdateRequest } from "@milagro/protocol/token-update";
import { tokenUpdateHashOf } from "@milagro/protocol/token-update-messages";
import { authorityAt, type TrustDomain, verifyLaterDescriptor } from "@milagro/protocol/trust-domain";
import { nativeAead } from "@milagro/runtime/aead";
import type { KeyStore } from "@milagro/runtime/key-store";
import { errorFields } from "@milagro/runtime/log";
import { systemRandom as random } from "@milagro/runtime/random";
import { releaseStartupMemory } from "@milagro/runtime/thread-memory";
import { nativeX25519 } from "@milagro/runtime/x25519";
import type { IssuerCall, IssuerCalls, IssuerReply, IssuerRequest, RecordedIssuance } from "./issuer-messages.ts";
import { destroyMasters, type Masters, openMasters, resealMasters } from "./masters.ts";
import { type MpinShares, openMpinShares } from "./mpin-shares.ts";
import { checkRequestKey } from "./request-key.ts";

type Tasks = {
  readonly [C in IssuerCall]: (input: IssuerCalls[C][0]) => Promise<IssuerCalls[C][1]> | IssuerCalls[C][1];
};

const native = { x25519: nativeX25519, aead: nativeAead };
const engine = await createEngine({ random });
/** The sealed file stays open with the masters: a rotation seals a fresh share into it. */
let held: { readonly masters: Masters; readonly mpin: MpinShares; store: KeyStore } | undefined;
let served: { readonly domain: TrustDomain; readonly index: number } | undefined;

function open(): NonNullable<typeof held> {
  if (held === undefined) throw new MilagroError("ERR_SEALED", "this D-TA is sealed; its operator unseals it");
  return held;
}

const unsealed = (): Masters => open().masters;

async function forget(): Promise<void> {
  const old = held;
  held = undefined;
  if (old === undefined) return;
  old.mpin.destroy();
  destroyMasters(old.masters);
  await old.store.close();
}

function place(): { readonly domain: TrustDomain; readonly index: number } {
  if (served === undefined)
    throw new MilagroError("ERR_DOMAIN_UNKNOWN", "this D-TA does not belong to a trust domain yet");
  return served;
}

/**
 * The ephemeral key of an answer, derived from everything that the answer is made of: the same request gets the same bytes again, however often and after whatever crash,
 * and two different plaintexts never meet under one key.
 */
function answerRandom(privateKey: HpkePrivateKey, requestHash: Uint8Array, plaintext: Uint8Array): RandomBytes {
  const seed = privateKey.use((key) =>
    createHmac("sha256", createSecretKey(key))
      .update("milagro answer seed v1\0")
      .update(requestHash)
      .update(plaintext)
      .digest(),
  );
  const secret = createSecretKey(seed);
  return (length) => new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), "milagro answer ephemeral", length));
}

/** What all D-TAs have approved of a request. @throws `ERR_APPROVAL_MISSING` */
function approved({ request, requestHash }: OpenedRequest): ReturnType<typeof approveAll> {
  const authorities = place().domain.authorities.map(({ publicShares }) => publicShares.statement);
  return approveAll(engine, random, entitlementsOf(request), requestHash, authorities, request.approvals ?? []);
}

/** Seals encoded shares to the requester and signs the receipt; wipes them. */
async function sealAndSign(
  { opened, policyVersion, timeMs, logIndex, logHead }: RecordedIssuance,
  plaintext: Uint8Array,
): Promise<IssuanceAnswerWire> {
  const { domain, index } = place();
  const { shares: masterShares, hpke } = unsealed();
  const { request, requestHash } = opened;
  const shares = await sealEncodedShares(plaintext, {
    random: answerRandom(hpke.privateKey, requestHash, plaintext),
    requestKey: request.requestKey,
    requestHash,
    index,
    native,
  });
  const receipt = signReceipt(engine, masterShares.statement, {
    v: 1,
    domainId: domain.domainId,
    index,
    requestHash,
    identity: request.identity,
    keys: request.keys,
    sharesHash: sharesHashOf(shares),
    policyVersion,
    time: Math.floor(timeMs / 1000),
    logIndex,
    logHead,
  });
  return encodeIssuedAnswer({ v: 1, index, requestHash, shares, receipt });
}

const tasks: Tasks = {
  unseal: async ({ file, passphrase: bytes }) => {
    const passphrase = new Secret("passphrase", bytes);
    try {
      const opened = await openMasters(engine, { path: file, passphrase, random });
      const mpin = openMpinShares(engine, opened.store, opened.masters);
      await forget();
      held = { ...opened, mpin };
    } finally {
      passphrase.destroy();
    }
    return null;
  },

  reseal: async ({ file, passphrase: bytes, next: nextBytes }) => {
    const passphrase = new Secret("passphrase", bytes);
    const next = new Secret("passphrase", nextBytes);
    try {
      const store = await resealMasters({ path: file, passphrase, next, random });
      const before = held?.store ?? store;
      if (held !== undefined) {
        held.store = store;
        held.mpin.moveTo(store);
      }
      await before.close();
    } finally {
      passphrase.destroy();
      next.destroy();
    }
    return null;
  },

  seal: async () => {
    await forget();
    return null;
  },

  trust: ({ genesis, signed, index }) => {
    const domain = verifyLaterDescriptor(engine, random, { genesis, signed });
    served = { domain, index };
    return { domainId: domain.domainId };
  },

  open: async (wire) => {
    const sealed = parseSealedRequest(wire);
    const { domain, index } = place();
    const { privateKey } = unsealed().hpke;
    const opened = await openIssuanceRequest({ privateKey, domainId: domain.domainId, index, sealed, native });
    checkRequestKey(opened.request.requestKey);
    checkDvsClaims(engine, opened.request);
    if (entitlementsOf(opened.request).length === 0 && opened.request.approvals !== undefined)
      throw new MilagroError("ERR_MESSAGE_INVALID", "approvals are for attribute keys");
    return opened;
  },

  verifyRenewal: ({ opened, evidence }) => verifyRenewal(engine, place().domain.publicKey, opened, evidence),

  verifyApproval: ({ approver, requestHash, signature }) =>
    verifyDeviceApproval(engine, place().domain, approver, requestHash, signature),

  openCodeRequest: (sealed) => {
    const { domain, index } = place();
    const { privateKey } = unsealed().hpke;
    return openEmailCodeRequest({ privateKey, domainId: domain.domainId, index, sealed, x25519: nativeX25519 });
  },

  permits: ({ request, mpinKey }) => issuePermits(engine, open().mpin.find(mpinKey), place().index, request),

  verifyTokenUpdate: (request) => verifyTokenUpdateRequest(engine, place().domain, request),

  tokenUpdate: ({ request, before, after }) => {
    const { mpin, masters } = open();
    const requestHash = tokenUpdateHashOf(request);
    return answerTokenUpdate({
      engine,
      random: (plaintext) => answerRandom(masters.hpke.privateKey, requestHash, plaintext),
      index: place().index,
      shares: { before: mpin.find(before), after: mpin.find(after) },
      request,
      native,
    });
  },

  rotation: async ({ state, step }) => {
    if (step.type === "commit") {
      const share = await open().mpin.draw(state.ceremonyId);
      return {
        state: advanceRotation(engine, random, state, {
          type: "commit",
          own: makeRotationReveal(engine, share, state),
        }),
      };
    }
    const next = advanceRotation(engine, random, state, step);
    if (step.type !== "reveals") return { state: next };
    return { state: next, signature: ownRotationSignature(engine, unsealed().shares.statement, next) };
  },

  verifyLater: ({ genesis, signed, mpinKey }) => {
    const { mpin } = open();
    verifyLaterDescriptor(engine, random, { genesis, signed }, place().domain.domainId);
    return { share: mpin.has(mpinKey) };
  },

  forgetMaster: async ({ keys, heirs }) => {
    await open().mpin.forget(keys, heirs);
    return null;
  },

  issue: (recorded) => {
    const { masters, mpin } = open();
    const { mpinKey } = recorded;
    const shares = { id: masters.shares.id, ...(mpinKey ? { mpin: mpin.find(mpinKey) } : {}) };
    return sealAndSign(recorded, encodeShares(issueShares(engine, shares, recorded.opened.request)));
  },

  approve: ({ opened: { request, requestHash }, policyVersion, timeMs, logIndex, logHead }) => {
    const { statement } = unsealed().shares;
    const approvals = signApprovals(engine, statement, entitlementsOf(request), requestHash);
    const time = Math.floor(timeMs / 1000);
    const answer = {
      v: 1,
      index: place().index,
      requestHash,
      approvals,
      policyVersion,
      time,
      logIndex,
      logHead,
    } as const;
    return encodeIssuanceAnswer(signApproved(engine, statement, answer));
  },

  verifyApprovals: ({ opened }) => {
    try {
      approved(opened);
      return true;
    } catch (error) {
      if (error instanceof MilagroError && error.code === "ERR_APPROVAL_MISSING") return false;
      throw error;
    }
  },

  issueAttributes: (recorded) =>
    sealAndSign(recorded, encodeShares(issueAttributeShares(engine, unsealed().shares, approved(recorded.opened)))),

  epochShare: ({ epoch }) => {
    const { domainId, name } = place().domain;
    const input = identityInput(domainId, "enc", epochIdentity(name), epoch);
    const share = issueIdentityKeyShare(engine, unsealed().shares.id, input, "enc");
    try {
      return encodeIdentityKeyShare(engine, share);
    } finally {
      share.destroy();
    }
  },

  refuse: ({ requestHash, code, detail, timeMs }) =>
    encodeIssuanceAnswer(
      signRefusal(engine, unsealed().shares.statement, {
        v: 1,
        index: place().index,
        requestHash,
        refusal: { code, detail },
        time: Math.floor(timeMs / 1000),
      }),
    ),

  sign: ({ kind, body }) => signStatement(engine, unsealed().shares.statement, statementBytes(kind, body)),

  verifyOwn: ({ kind, body, signature }) => {
    const { domain, index } = place();
    const { statement } = authorityAt(domain, index).publicShares;
    return verifyStatement(engine, statement, statementBytes(kind, body), signature);
  },

  busToken: ({ nowMs }) => {
    const { domain, index } = place();
    return makeDtaBusToken(engine, random, {
      domainId: domain.domainId,
      index,
      statement: unsealed().shares.statement,
      nowMs,
    });
  },

  channel: ({ message }) => {
    if (!isStatement("channel", message)) throw new TypeError("not a statement about a channel");
    return signStatement(engine, unsealed().shares.statement, message);
  },

  verifyCredential: (claim) => verifyCredential(engine, place().domain, claim),

  ceremony: ({ state, step }) => {
    if (step.type !== "commit") {
      const next = advance(engine, random, state, step);
      if (step.type !== "reveals") return { state: next };
      return { state: next, signature: ownSignature(engine, unsealed().shares.statement, next) };
    }
    const { shares, hpke } = unsealed();
    const { proposal, ceremonyId, index } = state;
    const authority = makeAuthority(engine, shares, hpke.publicKey, proposal, ceremonyId, index);
    return { state: advance(engine, random, state, { type: "commit", authority }) };
  },
};

async function serve<C extends IssuerCall>({ id, call, input }: IssuerRequest<C>): Promise<IssuerReply> {
  try {
    return { id, ok: true, output: await (tasks[call] as (input: IssuerCalls[C][0]) => unknown)(input) };
  } catch (error) {
    if (error instanceof MilagroError) {
      return { id, ok: false, code: error.code, message: error.message, report: faultReportOf(error) };
    }
    const message = `the issuer failed in ${call}`;
    return {
      id,
      ok: false,
      code: "ERR_INTERNAL",
      message,
      report: faultReportOf(undefined),
      fields: errorFields(error),
    };
  }
}

/** Answers that go back together while there is more to do: waking the other thread costs too much to do it for each. */
const REPLIES = 8;
const queue: IssuerRequest[] = [];
let busy = false;

async function serveAll(): Promise<void> {
  busy = true;
  let replies: IssuerReply[] = [];
  for (let request = queue.shift(); request !== undefined; request = queue.shift()) {
    replies.push(await serve(request));
    if (replies.length < REPLIES && queue.length > 0) continue;
    parentPort?.postMessage(replies);
    replies = [];
  }
  busy = false;
}

releaseStartupMemory();
parentPort?.on("message", (requests: readonly IssuerRequest[]) => {
  queue.push(...requests);
  if (!busy) void serveAll();
});
