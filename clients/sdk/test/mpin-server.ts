/**
 * A login server in memory, with the cryptography of a real one: it verifies receipts, pins inputs, checks logins and signatures, and
 * counts attempts. Sessions and cookies are left out.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { verifyStatement } from "@milagro/crypto/bls";
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { parseIdentity } from "@milagro/crypto/identity";
import {
  dvsInput,
  type MpinInput,
  parseDvsPublicKey,
  parseMpinIdentity,
  splitMpinIdentity,
} from "@milagro/crypto/mpin-identity";
import { type LoginContext, loginSubject } from "@milagro/crypto/mpin-login";
import { verifyOnePass } from "@milagro/crypto/mpin-one-pass";
import { combineServerSecretShares, issueServerSecretShare } from "@milagro/crypto/mpin-server-key";
import { drawLoginNonce, type LoginNonce, verifyLogin } from "@milagro/crypto/mpin-two-pass";
import { MilagroError } from "@milagro/engine/error";
import { receiptStatement } from "@milagro/protocol/issuance";
import { requestHashOf } from "@milagro/protocol/issuance-messages";
import {
  encodeLoginChallenge,
  encodeLoginOutcome,
  encodeLoginService,
  encodeLoginStarted,
  type LoginOutcome,
  type LoginPayload,
  type LoginPurpose,
  loginPayloadHash,
  parseLoginCommitment,
  parseLoginProof,
  parseLoginRequest,
} from "@milagro/protocol/login-messages";
import {
  encodeOpenIdToken,
  type OpenIdClient,
  type OpenIdCode,
  parseOpenIdCode,
} from "@milagro/protocol/openid-enrolment-messages";
import {
  encodeQuickCode,
  encodeQuickCodeClaimed,
  encodeQuickCodeState,
  encodeQuickCodeView,
  parseQuickCodeApproval,
  parseQuickCodeClaim,
  parseQuickCodeNonce,
  type QuickCodeApproval,
  type QuickCodeClaim,
} from "@milagro/protocol/quick-code-messages";
import { encodeRegistered, parseRegistration } from "@milagro/protocol/registration-messages";
import { encodeSignatureOutcome, parseSignatureRequest, signedTextMessage } from "@milagro/protocol/signature-messages";
import { parseJson } from "@milagro/protocol/wire";
import { EPOCH, EPOCH_SECONDS, engine, type Founded, NOW_MS, random } from "../../../core/protocol/test/fixture.ts";
import type { HttpRequest, HttpResponse } from "../src/http-port.ts";
import { json, problem } from "./network.ts";

export const ORIGIN = "https://login.example.org";
const SERVICE = "login.example.org";
const ATTEMPTS = 3;
const EXPIRES = NOW_MS / 1000 + 300;

interface OpenLogin {
  readonly context: LoginContext;
  readonly purpose: LoginPurpose;
  identity?: string;
  u?: Uint8Array;
  nonce?: LoginNonce;
  accepted?: boolean;
}

interface Registered {
  readonly input: MpinInput;
  readonly label: string;
  attempts: number;
}

/** What a test may change of a server. */
export interface ServerBehaviour {
  permits: boolean;
  /** What it says its origin is. */
  origin: string;
  /** What it asks to approve, whatever the purpose. */
  payload?: LoginPayload;
  /** Seconds by which its clock is ahead when it hands out logins. */
  loginEnds: number;
}

export class TestServer {
  readonly behaviour: ServerBehaviour = { permits: false, origin: ORIGIN, loginEnds: EXPIRES };
  readonly devices = new Map<string, Registered>();
  readonly signed: string[] = [];
  readonly quickCodeId: Uint8Array = random(32);
  claim: QuickCodeClaim | undefined;
  challenge: Uint8Array | undefined;
  opening: Uint8Array | undefined;
  refused = false;
  approval: QuickCodeApproval | undefined;
  registrations = 0;
  /** Of the OpenID provider that this server is a client of, and what it signs for a nonce. */
  openId: OpenIdClient = {
    v: 1,
    name: "Example ID",
    issuer: "https://id.example",
    authorizationEndpoint: "https://id.example/auth?tenant=1",
    clientId: "login",
    scope: "openid email",
    redirectUri: `${ORIGIN}/openid`,
  };
  readonly exchanged: OpenIdCode[] = [];
  tokenFor: (nonce: string) => string = (nonce) => `a.${encodeBase64url(utf8(nonce))}.c`;
  readonly #founded: Founded;
  readonly #logins = new Map<string, OpenLogin>();
  readonly #secret;

  constructor(founded: Founded) {
    this.#founded = founded;
    const shares = founded.members.map(({ masters }) => issueServerSecretShare(engine, masters.mpin));
    this.#secret = combineServerSecretShares(engine, shares);
  }

  handle(request: HttpRequest): HttpResponse {
    try {
      return this.#route(request);
    } catch (error) {
      if (error instanceof MilagroError) return problem(error.code, error.message);
      throw error;
    }
  }

  #route({ method, url, body: bytes }: HttpRequest): HttpResponse {
    const [, , thing = "", id = "", action = ""] = new URL(url).pathname.split("/");
    const body: unknown = bytes ? parseJson(parseUtf8(bytes)) : undefined;
    switch (`${method} ${thing} ${action}`) {
      case "GET openid ":
        return json(200, this.openId);
      case "POST openid ":
        return this.#exchange(body);
      case "GET service ":
        return json(200, encodeLoginService(this.service()));
      case "POST logins ":
        return this.#start(parseLoginRequest(body).purpose);
      case "POST logins commitments":
        return this.#commit(id, body);
      case "POST logins proofs":
        return this.#prove(id, body);
      case "POST registrations ":
        return this.#register(body);
      case "POST signatures ":
        return this.#sign(body);
      case "POST quick-codes ":
        return id === "claims" ? this.#claimCode(body) : this.#makeCode();
      case "POST quick-codes challenges":
        this.challenge = parseQuickCodeNonce(body).nonce;
        return json(200, { v: 1, done: true });
      case "POST quick-codes refusals":
        this.refused = true;
        return json(200, { v: 1, done: true });
      case "GET quick-codes ":
        return this.#viewCode();
      case "POST quick-codes approvals":
        return this.#approve(body);
    }
    if (thing !== "quick-codes" || id !== "claims") return problem("ERR_ROUTE_UNKNOWN");
    if (method === "GET") return this.#codeState();
    this.opening = parseQuickCodeNonce(body).nonce;
    return json(200, { v: 1, done: true });
  }

  service() {
    const { signed, domain } = this.#founded;
    return {
      v: 1,
      service: SERVICE,
      origin: this.behaviour.origin,
      domainId: domain.domainId,
      descriptor: signed,
      descriptorHash: domain.hash,
      server: parseIdentity(`milagro:${domain.name}/mpin-server/${SERVICE}`),
      permits: this.behaviour.permits,
      epochSeconds: EPOCH_SECONDS,
      policy: { pin: { min: 4, max: 8 }, attempts: ATTEMPTS },
      enrolment: ["email", "quick-code"],
      languages: ["en"],
      demo: false,
    } as const;
  }

  #start(purpose: LoginPurpose): HttpResponse {
    const session = random(32);
    const payload = this.behaviour.payload ?? this.#payload(purpose);
    const client = purpose.type === "interaction" ? "shop" : SERVICE;
    // What it checks is its real origin, whatever it says.
    const context = { session, origin: ORIGIN, client, payloadHash: loginPayloadHash(payload) };
    this.#logins.set(encodeBase64url(session), { context, purpose });
    const { origin, permits, loginEnds: expires } = this.behaviour;
    const started = { v: 1, session, expires, client, origin } as const;
    return json(
      200,
      encodeLoginStarted({ ...started, ...(payload ? { payload } : {}), ...(permits ? { permitEpoch: EPOCH } : {}) }),
    );
  }

  #payload(purpose: LoginPurpose): LoginPayload | undefined {
    if (purpose.type === "handover") return { ...purpose, client: "shop" };
    if (purpose.type === "interaction") return { type: "message", text: "Pay 10 to Bob" };
    if (purpose.type !== "quick-code" || !this.claim) return undefined;
    const { claim, label } = this.claim;
    return { type: "quick-code", requestHash: requestHashOf(claim), label };
  }

  #commit(id: string, body: unknown): HttpResponse {
    const login = this.#logins.get(id);
    if (!login || login.u) return problem("ERR_NOT_FOUND");
    const { identity, u } = parseLoginCommitment(body);
    const nonce = drawLoginNonce(random);
    Object.assign(login, { identity, u, nonce });
    return json(200, encodeLoginChallenge({ v: 1, nonce }));
  }

  #prove(id: string, body: unknown): HttpResponse {
    const login = this.#logins.get(id);
    const { response: v } = parseLoginProof(body);
    if (!login?.u || !login.nonce || login.accepted !== undefined) return problem("ERR_NOT_FOUND");
    const { u, nonce, context } = login;
    const outcome = this.#count(login.identity ?? "", (input) => {
      const subject = loginSubject(input, this.behaviour.permits ? EPOCH : undefined);
      return verifyLogin(engine, this.#secret, { subject, context, nonce, u, v });
    });
    login.accepted = outcome.outcome === "accepted";
    return json(200, encodeLoginOutcome(outcome));
  }

  #count(identity: string, check: (input: MpinInput) => boolean): LoginOutcome {
    const device = this.devices.get(identity);
    if (!device) return { v: 1, outcome: "refused", attemptsLeft: ATTEMPTS - 1 };
    if (device.attempts >= ATTEMPTS) return { v: 1, outcome: "blocked", retryAfter: 3600 };
    device.attempts += 1;
    if (!check(device.input)) {
      const attemptsLeft = ATTEMPTS - device.attempts;
      return attemptsLeft > 0 ? { v: 1, outcome: "refused", attemptsLeft } : { v: 1, outcome: "blocked" };
    }
    device.attempts = 0;
    const name = parseMpinIdentity(identity);
    return { v: 1, outcome: "accepted", identity: name, user: splitMpinIdentity(name).user, next: "/" };
  }

  #register(body: unknown): HttpResponse {
    const { identity, receipts, dvs, label } = parseRegistration(body);
    const { domain } = this.#founded;
    const right = domain.authorities.every(({ publicShares, entry }) =>
      receipts.some((receipt) => {
        const [key] = receipt.keys;
        const same = receipt.index === entry.index && receipt.identity === identity;
        const pinned = key?.usage === "mpin" && key.dvs?.key.join() === dvs.key.join();
        const { statement } = publicShares;
        return same && pinned && verifyStatement(engine, statement, receiptStatement(receipt), receipt.signature);
      }),
    );
    if (!right) return problem("ERR_RECEIPT_INVALID");
    const device = parseMpinIdentity(identity);
    const input = dvsInput(domain.domainId, device, NO_EXPIRY, parseDvsPublicKey(engine, dvs.key));
    this.registrations += 1;
    if (!this.devices.has(identity)) this.devices.set(identity, { input, label, attempts: 0 });
    const shown = { identity, label, created: NOW_MS / 1000, state: "pending" } as const;
    return json(200, encodeRegistered({ v: 1, device: shown }));
  }

  #sign(body: unknown): HttpResponse {
    const { identity, text, proof } = parseSignatureRequest(body);
    const outcome = this.#count(identity, (input) => {
      const subject = loginSubject(input, this.behaviour.permits ? EPOCH : undefined);
      const context = { origin: ORIGIN, client: SERVICE, message: signedTextMessage(text) };
      const window = { nowMs: NOW_MS, seconds: 60 };
      return verifyOnePass(engine, this.#secret, { subject, context, proof }, window).kind === "accepted";
    });
    if (outcome.outcome !== "accepted") return json(200, encodeSignatureOutcome(outcome));
    this.signed.push(text);
    const id = encodeBase64url(random(16));
    return json(200, encodeSignatureOutcome({ v: 1, outcome: "accepted", id, time: NOW_MS / 1000 }));
  }

  #exchange(body: unknown): HttpResponse {
    const code = parseOpenIdCode(body);
    this.exchanged.push(code);
    if (code.code !== "good") return problem("ERR_EVIDENCE_INVALID");
    return json(200, encodeOpenIdToken({ v: 1, jwt: this.tokenFor(code.nonce) }));
  }

  #makeCode(): HttpResponse {
    return json(200, encodeQuickCode({ v: 1, id: this.quickCodeId, code: "ABCD-1234", expires: EXPIRES }));
  }

  #claimCode(body: unknown): HttpResponse {
    const claim = parseQuickCodeClaim(body);
    if (claim.code !== "ABCD-1234" || this.claim) return problem("ERR_NOT_FOUND");
    this.claim = claim;
    return json(200, encodeQuickCodeClaimed({ v: 1, id: random(32), expires: EXPIRES }));
  }

  #viewCode(): HttpResponse {
    const expires = EXPIRES;
    if (this.refused) return json(200, encodeQuickCodeView({ v: 1, state: "refused", expires }));
    if (!this.claim) return json(200, encodeQuickCodeView({ v: 1, state: "open", expires }));
    const { claim, label, commitment } = this.claim;
    const view = { v: 1, expires, claim, label, commitment } as const;
    if (this.opening) return json(200, encodeQuickCodeView({ ...view, state: "opened", nonce: this.opening }));
    return json(200, encodeQuickCodeView({ ...view, state: this.challenge ? "challenged" : "claimed" }));
  }

  #approve(body: unknown): HttpResponse {
    const approval = parseQuickCodeApproval(body);
    const login = this.#logins.get(encodeBase64url(approval.session));
    if (!login?.accepted || login.purpose.type !== "quick-code") return problem("ERR_LOGIN_REFUSED");
    this.approval = approval;
    return json(200, { v: 1, done: true });
  }

  #codeState(): HttpResponse {
    const expires = EXPIRES;
    if (this.refused) return json(200, encodeQuickCodeState({ v: 1, state: "refused", expires }));
    if (!this.approval && this.challenge && !this.opening)
      return json(200, encodeQuickCodeState({ v: 1, state: "challenged", expires, nonce: this.challenge }));
    if (!this.approval) return json(200, encodeQuickCodeState({ v: 1, state: "waiting", expires }));
    const login = this.#logins.get(encodeBase64url(this.approval.session));
    const device = parseIdentity(login?.identity ?? "");
    const { signature } = this.approval;
    return json(200, encodeQuickCodeState({ v: 1, state: "approved", device, signature, approval: "a.b.c" }));
  }
}
