/**
 * The operations of the M-Pin vectors. Optional fields: `permit` and `permitEpoch`, `deviceFactor`, `z` and `dvsKey`.
 * @module
 */
import type { Engine } from "@milagro/engine/engine";
import { encodeHex, parseHex, utf8 } from "../../src/bytes.ts";
import { parseDomainId } from "../../src/domain-id.ts";
import { type Epoch, parseEpoch } from "../../src/epoch.ts";
import { MilagroError } from "../../src/error.ts";
import { parseIdentity } from "../../src/identity.ts";
import type { IdentityInput } from "../../src/identity-input.ts";
import { encodeIdentityKeyShare, issueIdentityKeyShare, parseIdentityKeyShare } from "../../src/identity-key.ts";
import { proveIdentityKeyShare, verifyProvenIdentityKeyShare } from "../../src/identity-key-proof.ts";
import { parsePublicShare } from "../../src/master-public.ts";
import { type MasterSecretShare, parseMasterSecretShare } from "../../src/master-secret.ts";
import { verifyLoginBatch } from "../../src/mpin-batch.ts";
import { type DvsKey, parseDvsKey, proveDvsKey, verifyDvsKey } from "../../src/mpin-dvs.ts";
import { beginFull, type FullContext, offerFull } from "../../src/mpin-full.ts";
import {
  type DvsInput,
  dvsInput,
  hashMpin,
  hashPermit,
  type MpinInput,
  mpinInput,
  type PermitInput,
  parseDvsPublicKey,
  parseMpinIdentity,
  parseMpinInput,
  permitInput,
  splitMpinInput,
} from "../../src/mpin-identity.ts";
import {
  combineClientSecretShares,
  encodeClientSecretShare,
  issueClientSecretShare,
  parseClientSecretShare,
  verifyClientSecretShare,
} from "../../src/mpin-key.ts";
import { type LoginContext, type LoginSubject, loginSubject } from "../../src/mpin-login.ts";
import { type OnePassContext, proveOnePass, verifyOnePass } from "../../src/mpin-one-pass.ts";
import {
  encodeServerSecretShare,
  issueServerSecretShare,
  parseServerSecret,
  parseServerSecretShare,
  verifyServerSecretShare,
} from "../../src/mpin-server-key.ts";
import { deviceFactor, encodeToken, type MpinToken, parsePin, parseToken, type Unlock } from "../../src/mpin-token.ts";
import { changePin, createToken } from "../../src/mpin-token-making.ts";
import { beginLogin, type LoginClaim, openLogin, parseLoginNonce, verifyLogin } from "../../src/mpin-two-pass.ts";
import {
  encodeTimePermitShare,
  issueTimePermitShares,
  parseTimePermit,
  parseTimePermitShare,
  type TimePermit,
  verifyTimePermitShares,
} from "../../src/time-permit.ts";
import type { Input, Operation } from "./runner.ts";

const inputs = new Map<string, MpinInput>();

/** One object per input, because its points are remembered per object. */
function inputOf(engine: Engine, i: Input): MpinInput {
  const text = i.text("input");
  const known = inputs.get(text) ?? parseMpinInput(engine, parseHex(text));
  inputs.set(text, known);
  return known;
}

function demand(condition: boolean, code: string): void {
  if (!condition) throw new MilagroError(code, "the vector's check failed");
}

const masterOf = (engine: Engine, i: Input): MasterSecretShare<"mpin"> =>
  parseMasterSecretShare(engine, "mpin", i.bytes("secret"));
const epochOf = (i: Input): Epoch | undefined =>
  i.has("permitEpoch") ? parseEpoch(i.number("permitEpoch")) : undefined;
const subjectOf = (engine: Engine, i: Input): LoginSubject => loginSubject(inputOf(engine, i), epochOf(i));
const dvsKeyOf = (engine: Engine, i: Input): DvsKey | undefined =>
  i.has("z") ? parseDvsKey(engine, i.bytes("z")) : undefined;
const tokenOf = (engine: Engine, i: Input): MpinToken => parseToken(engine, inputOf(engine, i), i.bytes("token"));

function unlockOf(i: Input, name = "pin"): Unlock {
  const pin = parsePin(utf8(i.text(name)));
  return i.has("deviceFactor") ? { pin, deviceFactor: deviceFactor(i.bytes("deviceFactor")) } : { pin };
}

function permitOf(engine: Engine, i: Input): TimePermit | undefined {
  const epoch = epochOf(i);
  if (!i.has("permit") || epoch === undefined) return undefined;
  return parseTimePermit(engine, permitInput(inputOf(engine, i), epoch), i.bytes("permit"));
}

const contextOf = (i: Input): LoginContext => ({
  session: i.bytes("session"),
  origin: i.text("origin"),
  client: i.text("client"),
  payloadHash: i.bytes("payloadHash"),
});
const onePassContext = (i: Input): OnePassContext => ({
  origin: i.text("origin"),
  client: i.text("client"),
  message: i.bytes("message"),
});
const fullContext = (i: Input): FullContext => ({ ...contextOf(i), server: parseIdentity(i.text("server")) });
const claimOf = (engine: Engine, i: Input): LoginClaim => ({
  subject: subjectOf(engine, i),
  context: contextOf(i),
  nonce: parseLoginNonce(i.bytes("nonce")),
  u: i.bytes("u"),
  v: i.bytes("v"),
});

export const MPIN_OPERATIONS: Readonly<Record<string, Operation>> = {
  "mpin-input": (engine, i) => {
    const domainId = parseDomainId(i.bytes("domainId"));
    const identity = parseMpinIdentity(i.text("identity"));
    const epoch = parseEpoch(i.number("epoch"));
    const input = i.has("dvsKey")
      ? dvsInput(domainId, identity, epoch, parseDvsPublicKey(engine, i.bytes("dvsKey")))
      : mpinInput(domainId, identity, epoch);
    return { input: encodeHex(input), a: encodeHex(engine.g1.encode(hashMpin(engine, input))) };
  },
  "mpin-parse-input": (engine, i) => {
    const { domainId, identity, epoch, dvsKey } = splitMpinInput(parseMpinInput(engine, i.bytes("bytes")));
    return { domainId: encodeHex(domainId), identity, epoch, ...(dvsKey ? { dvsKey: encodeHex(dvsKey) } : {}) };
  },
  "mpin-permit-input": (engine, i) => {
    const permit = permitInput(inputOf(engine, i), parseEpoch(i.number("epoch")));
    return { permitInput: encodeHex(permit), a: encodeHex(engine.g1.encode(hashPermit(engine, permit))) };
  },
  "mpin-issue-client": (engine, i) => {
    const { share, proof } = issueClientSecretShare(engine, masterOf(engine, i), inputOf(engine, i));
    return { share: encodeHex(encodeClientSecretShare(engine, share)), proof: encodeHex(proof) };
  },
  "mpin-verify-client": (engine, i) => {
    const share = parseClientSecretShare(engine, inputOf(engine, i), i.bytes("share"));
    const published = parsePublicShare(engine, "mpin", i.bytes("publicShare"));
    demand(verifyClientSecretShare(engine, published, share, i.bytes("proof")), "ERR_SHARE_INVALID");
    return {};
  },
  "mpin-combine-client": (engine, i) => {
    const shares = i.bytesList("shares").map((share) => parseClientSecretShare(engine, inputOf(engine, i), share));
    const secret = combineClientSecretShares(engine, shares);
    return { clientSecret: secret.use((point) => encodeHex(engine.g1.encode(point))) };
  },
  "mpin-issue-signing": (engine, i) => {
    const master = parseMasterSecretShare(engine, "id", i.bytes("secret"));
    const input = i.bytes("input") as IdentityInput;
    const share = issueIdentityKeyShare(engine, master, input, "sig");
    const proof = proveIdentityKeyShare(engine, master, input, share);
    return { share: encodeHex(encodeIdentityKeyShare(engine, share)), proof: encodeHex(proof) };
  },
  "mpin-verify-signing": (engine, i) => {
    const share = parseIdentityKeyShare(engine, "sig", i.bytes("share"));
    const published = { g1: engine.g1.decode(i.bytes("publicShare")) };
    const input = i.bytes("input") as IdentityInput;
    demand(verifyProvenIdentityKeyShare(engine, published, input, share, i.bytes("proof")), "ERR_SHARE_INVALID");
    return {};
  },
  "mpin-issue-server": (engine, i) => ({
    share: encodeHex(encodeServerSecretShare(engine, issueServerSecretShare(engine, masterOf(engine, i)))),
  }),
  "mpin-verify-server": (engine, i) => {
    const published = parsePublicShare(engine, "mpin", i.bytes("publicShare"));
    const share = parseServerSecretShare(engine, i.bytes("share"));
    demand(verifyServerSecretShare(engine, published, share), "ERR_SHARE_INVALID");
    return {};
  },
  "mpin-issue-permits": (engine, i) => {
    const wanted = i.bytesList("permitInputs") as PermitInput[];
    const { shares, proof } = issueTimePermitShares(engine, masterOf(engine, i), wanted);
    return {
      shares: shares.map((share) => encodeHex(encodeTimePermitShare(engine, share))),
      proof: encodeHex(proof),
    };
  },
  "mpin-verify-permits": (engine, i) => {
    const wanted = i.bytesList("permitInputs") as PermitInput[];
    const points = i.bytesList("shares");
    const shares = wanted.map((input, j) => parseTimePermitShare(engine, input, points[j] as Uint8Array));
    const published = parsePublicShare(engine, "mpin", i.bytes("publicShare"));
    demand(verifyTimePermitShares(engine, published, shares, i.bytes("proof")), "ERR_SHARE_INVALID");
    return {};
  },
  "mpin-prove-dvs": (engine, i) => {
    const key = parseDvsKey(engine, i.bytes("z"));
    return { dvsKey: encodeHex(key.input), proof: encodeHex(proveDvsKey(engine, key, inputOf(engine, i) as DvsInput)) };
  },
  "mpin-verify-dvs": (engine, i) => {
    demand(verifyDvsKey(engine, inputOf(engine, i) as DvsInput, i.bytes("proof")), "ERR_PUBLIC_KEY_INVALID");
    return {};
  },
  "mpin-token": (engine, i) => {
    const shares = [parseClientSecretShare(engine, inputOf(engine, i), i.bytes("clientSecret"))];
    const secret = combineClientSecretShares(engine, shares);
    return { token: encodeHex(encodeToken(engine, createToken(engine, secret, unlockOf(i), dvsKeyOf(engine, i)))) };
  },
  "mpin-change-pin": (engine, i) => {
    const changed = changePin(engine, tokenOf(engine, i), unlockOf(i), unlockOf(i, "newPin"));
    return { token: encodeHex(encodeToken(engine, changed)) };
  },
  "mpin-login": (engine, i) => {
    const attempt = beginLogin(engine, i.random(), tokenOf(engine, i), permitOf(engine, i), contextOf(i));
    const v = attempt.answer(unlockOf(i), parseLoginNonce(i.bytes("nonce")));
    return { u: encodeHex(attempt.u), v: encodeHex(v) };
  },
  "mpin-verify-login": (engine, i) => {
    const serverSecret = parseServerSecret(engine, i.bytes("serverSecret"));
    demand(verifyLogin(engine, serverSecret, claimOf(engine, i)), "ERR_LOGIN_REFUSED");
    return {};
  },
  "mpin-verify-batch": (engine, i) => {
    const serverSecret = parseServerSecret(engine, i.bytes("serverSecret"));
    const entries = i.list("entries").map((e) => ({
      source: e.text("source"),
      terms: openLogin(engine, claimOf(engine, e)),
    }));
    const draw = (length: number): Uint8Array => engine.scalars.encode(engine.scalars.random()).slice(-length);
    const { outcomes } = verifyLoginBatch(engine, draw, serverSecret, entries, i.number("refusalsPerSource"));
    return { outcomes };
  },
  "mpin-one-pass": (engine, i) => {
    const [token, permit] = [tokenOf(engine, i), permitOf(engine, i)];
    const proof = proveOnePass(engine, i.random(), token, permit, unlockOf(i), onePassContext(i), i.number("time"));
    return { proof: encodeHex(proof) };
  },
  "mpin-verify-one-pass": (engine, i) => {
    const serverSecret = parseServerSecret(engine, i.bytes("serverSecret"));
    const claim = { subject: subjectOf(engine, i), context: onePassContext(i), proof: i.bytes("proof") };
    const verdict = verifyOnePass(engine, serverSecret, claim, {
      nowMs: i.number("nowMs"),
      seconds: i.number("window"),
    });
    if (verdict.kind === "refused") throw new MilagroError("ERR_LOGIN_REFUSED", verdict.reason);
    return { replayKey: encodeHex(verdict.replayKey), keepUntilMs: verdict.keepUntilMs };
  },
  "mpin-full": (engine, i) => {
    const attempt = beginFull(engine, i.random(), tokenOf(engine, i), permitOf(engine, i), fullContext(i));
    const { v, confirmation } = attempt.answer(unlockOf(i), { nonce: i.bytes("nonce"), w: i.bytes("w") });
    return { u: encodeHex(attempt.u), r: encodeHex(attempt.r), v: encodeHex(v), confirmation: encodeHex(confirmation) };
  },
  "mpin-full-offer": (engine, i) => {
    const { offer } = offerFull(engine, i.random(), subjectOf(engine, i));
    return { nonce: encodeHex(offer.nonce), w: encodeHex(offer.w) };
  },
  "mpin-full-accept": (engine, i) => {
    const session = offerFull(engine, i.random(), subjectOf(engine, i));
    const serverSecret = parseServerSecret(engine, i.bytes("serverSecret"));
    const first = { u: i.bytes("u"), r: i.bytes("r") };
    const answer = { v: i.bytes("v"), confirmation: i.bytes("confirmation") };
    const accepted = session.accept(serverSecret, fullContext(i), first, answer);
    if (!accepted) throw new MilagroError("ERR_LOGIN_REFUSED", "refused");
    return { key: accepted.key.use(encodeHex), serverConfirmation: encodeHex(accepted.confirmation) };
  },
};
