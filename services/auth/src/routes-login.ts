/**
 * Routes that need nobody logged in: what this server is, logins, registrations, signatures.
 * @module
 */
import {
  encodeLoginChallenge,
  encodeLoginOutcome,
  encodeLoginStarted,
  LoginChallengeSchema,
  LoginCommitmentSchema,
  LoginOutcomeSchema,
  LoginProofSchema,
  LoginRequestSchema,
  LoginServiceSchema,
  type LoginServiceWire,
  LoginStartedSchema,
  parseLoginCommitment,
  parseLoginProof,
  parseLoginRequest,
} from "@milagro/protocol/login-messages";
import {
  encodeRegistered,
  parseRegistration,
  RegisteredSchema,
  RegistrationSchema,
} from "@milagro/protocol/registration-messages";
import {
  encodeSignatureOutcome,
  parseSignatureRequest,
  SignatureOutcomeSchema,
  SignatureRequestSchema,
} from "@milagro/protocol/signature-messages";
import { problems } from "@milagro/runtime/http-openapi";
import type { HttpApp } from "@milagro/runtime/http-server";
import { nameOf, returning, SessionPath, visitor } from "./calls.ts";
import type { AuthContext } from "./context.ts";
import { drawCookie, sendCookie } from "./cookies.ts";
import { beginLogin, commitLogin, proveLogin } from "./login.ts";
import { register } from "./registration.ts";
import { signText } from "./signatures.ts";

const CALL_CODES = ["ERR_MESSAGE_INVALID", "ERR_ORIGIN_REFUSED", "ERR_HOST_UNKNOWN", "ERR_RATE_LIMITED"] as const;
const IDENTITY_CODES = ["ERR_IDENTITY_INVALID", "ERR_DOMAIN_MISMATCH"] as const;

export function addLoginRoutes(app: HttpApp, context: AuthContext, service: () => LoginServiceWire): void {
  const { limits, sessionSeconds } = context.config;
  const perMinute = (max: number) => ({ rateLimit: { max, timeWindow: 60_000 } });

  app.get(
    "/v1/service",
    {
      schema: {
        tags: ["service"],
        summary: "What this login server is, and the domain it trusts",
        response: { 200: LoginServiceSchema },
      },
    },
    async () => service(),
  );

  app.post(
    "/v1/logins",
    {
      config: perMinute(limits.loginsPerMinute),
      schema: {
        tags: ["login"],
        summary: "Begin a login",
        description: "Gives the browser a cookie if it has none; the login belongs to it.",
        body: LoginRequestSchema,
        response: {
          200: LoginStartedSchema,
          ...problems(
            ...CALL_CODES,
            "ERR_INTERACTION_UNKNOWN",
            "ERR_HANDOVER_UNKNOWN",
            "ERR_QUICK_CODE_UNKNOWN",
            "ERR_NUMBER_MISMATCH",
            "ERR_SESSION_MISSING",
          ),
        },
      },
    },
    async (request, reply) => {
      const { purpose } = parseLoginRequest(request.body);
      return encodeLoginStarted(await beginLogin(context, purpose, visitor(context, request, reply)));
    },
  );

  app.post(
    "/v1/logins/:session/commitments",
    {
      schema: {
        tags: ["login"],
        summary: "Commit to U, once; the nonce is drawn afterwards",
        params: SessionPath,
        body: LoginCommitmentSchema,
        response: { 200: LoginChallengeSchema, ...problems(...CALL_CODES, ...IDENTITY_CODES, "ERR_LOGIN_UNKNOWN") },
      },
    },
    async (request) => {
      const commitment = parseLoginCommitment(request.body);
      const caller = returning(context, request, "ERR_LOGIN_UNKNOWN");
      const nonce = await commitLogin(context, nameOf(request.params.session), commitment, caller);
      return encodeLoginChallenge({ v: 1, nonce });
    },
  );

  app.post(
    "/v1/logins/:session/proofs",
    {
      schema: {
        tags: ["login"],
        summary: "Answer with V, once",
        description: "The attempt is counted before V is looked at. A session begins under a fresh cookie.",
        params: SessionPath,
        body: LoginProofSchema,
        response: {
          200: LoginOutcomeSchema,
          ...problems(
            ...CALL_CODES,
            "ERR_LOGIN_UNKNOWN",
            "ERR_MASTER_CHANGED",
            "ERR_SERVER_SECRET_MISSING",
            "ERR_OVERLOADED",
          ),
        },
      },
    },
    async (request, reply) => {
      const { response } = parseLoginProof(request.body);
      const caller = returning(context, request, "ERR_LOGIN_UNKNOWN");
      const cookie = drawCookie(context.random);
      const { outcome, session } = await proveLogin(
        context,
        nameOf(request.params.session),
        response,
        caller,
        cookie.hash,
      );
      if (session) sendCookie(reply, context.origin(), cookie, sessionSeconds);
      return encodeLoginOutcome(outcome);
    },
  );

  app.post(
    "/v1/registrations",
    {
      config: perMinute(limits.registrationsPerMinute),
      schema: {
        tags: ["registration"],
        summary: "Register a device that every D-TA has issued for",
        description: "The same registration again gets the same answer.",
        body: RegistrationSchema,
        response: {
          200: RegisteredSchema,
          ...problems(
            ...CALL_CODES,
            ...IDENTITY_CODES,
            "ERR_RECEIPT_INVALID",
            "ERR_PUBLIC_KEY_INVALID",
            "ERR_IDENTITY_KNOWN",
            "ERR_DEVICE_LIMIT",
            "ERR_OVERLOADED",
          ),
        },
      },
    },
    async (request) => {
      const registration = parseRegistration(request.body);
      return encodeRegistered({ v: 1, device: await register(context, request.body, registration) });
    },
  );

  app.post(
    "/v1/signatures",
    {
      config: perMinute(limits.loginsPerMinute),
      schema: {
        tags: ["signatures"],
        summary: "Sign a text with token and PIN, in one pass",
        body: SignatureRequestSchema,
        response: {
          200: SignatureOutcomeSchema,
          ...problems(
            ...CALL_CODES,
            ...IDENTITY_CODES,
            "ERR_REQUEST_EXPIRED",
            "ERR_REQUEST_REPLAYED",
            "ERR_MASTER_CHANGED",
            "ERR_SERVER_SECRET_MISSING",
            "ERR_OVERLOADED",
          ),
        },
      },
    },
    async (request) => encodeSignatureOutcome(await signText(context, parseSignatureRequest(request.body), request.ip)),
  );
}
