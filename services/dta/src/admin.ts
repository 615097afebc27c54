/**
 * The operator's API, on a Unix socket that only its owner can open: whoever may open the file is the operator. Everything that changes what this D-TA will do is recorded
 * in the audit log before it takes effect.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { equalBytes } from "@milagro/crypto/bytes";
import { type IdentityPattern, parseIdentity, parseIdentityPattern } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import {
  DenyListSchema,
  DenyRequestSchema,
  DoneSchema,
  DtaStatusSchema,
  encodeDenyList,
  encodeDtaStatus,
  encodeJoinTokenIssued,
  encodeJoinTokenList,
  JoinTokenIssuedSchema,
  JoinTokenListSchema,
  JoinTokenRequestSchema,
  PassphraseChangeSchema,
  parseDenyRequest,
  parseJoinTokenRequest,
  parsePassphraseChange,
  parseUnsealRequest,
  UnsealRequestSchema,
} from "@milagro/protocol/dta-messages";
import { generateJoinToken } from "@milagro/protocol/join-token";
import { parseKeyUsage } from "@milagro/protocol/key-usage";
import { encodeIssuancePolicy, IssuancePolicySchema, parseIssuancePolicy } from "@milagro/protocol/policy";
import type { HttpApp } from "@milagro/runtime/http-server";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import Type from "typebox";
import type { Ceremonies } from "./ceremony.ts";
import { type DtaContext, domainOf } from "./context.ts";
import { addDenial, readDenials, removeDenial } from "./deny-list.ts";
import { hashPolicy } from "./policy-file.ts";
import type { Rotations } from "./rotation.ts";
import { dtaStatus } from "./routes.ts";
import { addCeremonyApprovalRoutes, addRotationApprovalRoutes } from "./routes-approval.ts";
import { changePassphrase, seal, unseal } from "./seal.ts";

const DONE = { v: 1, done: true } as const;
const TokenPath = Type.Object({ id: Type.String({ pattern: "^[A-Za-z0-9]{8,32}$" }) });

export function addAdminRoutes(app: HttpApp, context: DtaContext, ceremonies: Ceremonies, rotations: Rotations): void {
  addSealRoutes(app, context);
  addCeremonyApprovalRoutes(app, ceremonies);
  addRotationApprovalRoutes(app, rotations);
  addJoinTokenRoutes(app, context);
  addDenyRoutes(app, context);
  addPolicyRoutes(app, context);
}

function addSealRoutes(app: HttpApp, context: DtaContext): void {
  app.get("/v1/status", { schema: { tags: ["operation"], response: { 200: DtaStatusSchema } } }, async () =>
    encodeDtaStatus(await dtaStatus(context)),
  );
  app.post(
    "/v1/unseal",
    { schema: { tags: ["operation"], body: UnsealRequestSchema, response: { 200: DoneSchema } } },
    async ({ body }) => {
      const passphrase = passphraseFromText(parseUnsealRequest(body).passphrase);
      try {
        await unseal(context, passphrase);
      } finally {
        passphrase.destroy();
      }
      return DONE;
    },
  );
  app.post(
    "/v1/passphrase",
    { schema: { tags: ["operation"], body: PassphraseChangeSchema, response: { 200: DoneSchema } } },
    async ({ body }) => {
      const change = parsePassphraseChange(body);
      const passphrase = passphraseFromText(change.passphrase);
      const next = passphraseFromText(change.next);
      try {
        await changePassphrase(context, passphrase, next);
      } finally {
        passphrase.destroy();
        next.destroy();
      }
      return DONE;
    },
  );
  app.post("/v1/seal", { schema: { tags: ["operation"], response: { 200: DoneSchema } } }, async () => {
    await seal(context);
    return DONE;
  });
}

function addJoinTokenRoutes(app: HttpApp, context: DtaContext): void {
  const { store, audit, clock, random } = context;

  app.post(
    "/v1/join-tokens",
    { schema: { tags: ["join tokens"], body: JoinTokenRequestSchema, response: { 200: JoinTokenIssuedSchema } } },
    async ({ body }) => {
      const wanted = parseJoinTokenRequest(body);
      const domain = domainOf(context);
      if (wanted.domainId !== undefined && !equalBytes(wanted.domainId, domain.domainId)) {
        throw new MilagroError("ERR_DOMAIN_UNKNOWN", "this D-TA does not serve that domain");
      }
      checkDomainOf(wanted.identities, domain.name);
      const fresh = generateJoinToken(random, domain.index);
      const createdMs = clock();
      const expires = Math.floor(createdMs / 1000) + wanted.ttlSeconds;
      const usages = [...new Set(wanted.usages)];
      await store.transaction(async (tx) => {
        await tx
          .insertInto("join_token")
          .values({
            domain_id: domain.domainId,
            id: fresh.id,
            digest: fresh.digest,
            pattern: wanted.identities,
            usages: JSON.stringify(usages),
            created_ms: createdMs,
            expires_ms: expires * 1000,
            request_hash: null,
            identity: null,
            used_ms: null,
          })
          .execute();
        const details = { tokenId: fresh.id, pattern: wanted.identities, usages: usages.join(" "), expires };
        await audit.append(tx, { action: "join-token.create", outcome: "ok", details });
      });
      return encodeJoinTokenIssued({ v: 1, id: fresh.id, token: fresh.token, expires });
    },
  );

  app.get(
    "/v1/join-tokens",
    { schema: { tags: ["join tokens"], response: { 200: JoinTokenListSchema } } },
    async () => {
      const { domainId } = domainOf(context);
      const rows = await store.db
        .selectFrom("join_token")
        .selectAll()
        .where("domain_id", "=", domainId)
        .orderBy("created_ms", "desc")
        .limit(10_000)
        .execute();
      const tokens = rows.map((row) => ({
        id: row.id,
        identities: parseIdentityPattern(row.pattern),
        usages: (JSON.parse(row.usages) as string[]).map(parseKeyUsage),
        expires: Math.floor(row.expires_ms / 1000),
        ...(row.request_hash === null || row.identity === null || row.used_ms === null
          ? {}
          : {
              used: {
                time: Math.floor(row.used_ms / 1000),
                identity: parseIdentity(row.identity),
                requestHash: new Uint8Array(row.request_hash),
              },
            }),
      }));
      return encodeJoinTokenList({ v: 1, tokens });
    },
  );

  app.delete(
    "/v1/join-tokens/:id",
    { schema: { tags: ["join tokens"], params: TokenPath, response: { 200: DoneSchema } } },
    async ({ params }) => {
      const { domainId } = domainOf(context);
      await store.transaction(async (tx) => {
        const removed = await tx
          .deleteFrom("join_token")
          .where("domain_id", "=", domainId)
          .where("id", "=", params.id)
          .executeTakeFirst();
        if (removed.numDeletedRows === 0n) throw new MilagroError("ERR_NOT_FOUND", "there is no such join token");
        await audit.append(tx, { action: "join-token.delete", outcome: "ok", details: { tokenId: params.id } });
      });
      return DONE;
    },
  );
}

function addDenyRoutes(app: HttpApp, context: DtaContext): void {
  const { store, audit, clock, now } = context;

  app.get("/v1/deny", { schema: { tags: ["deny-list"], response: { 200: DenyListSchema } } }, async () => {
    const { domainId } = domainOf(context);
    const denials = await store.transaction((tx) => readDenials(tx, domainId));
    return encodeDenyList({
      v: 1,
      denied: denials.map(({ pattern, reason, createdMs }) => ({
        pattern,
        time: Math.floor(createdMs / 1000),
        ...(reason === undefined ? {} : { reason }),
      })),
    });
  });

  app.post(
    "/v1/deny",
    { schema: { tags: ["deny-list"], body: DenyRequestSchema, response: { 200: DoneSchema } } },
    async ({ body }) => {
      const { pattern, reason } = parseDenyRequest(body);
      const domain = domainOf(context);
      checkDomainOf(pattern, domain.name);
      await store.transaction(async (tx) => {
        await addDenial(tx, domain.domainId, { pattern, reason, createdMs: clock() });
        await audit.append(tx, { action: "deny", outcome: "ok", details: { pattern, reason } });
      });
      if (!now.denied.includes(pattern)) now.denied = [...now.denied, pattern];
      return DONE;
    },
  );

  app.delete(
    "/v1/deny",
    { schema: { tags: ["deny-list"], body: DenyRequestSchema, response: { 200: DoneSchema } } },
    async ({ body }) => {
      const { pattern, reason } = parseDenyRequest(body);
      const { domainId } = domainOf(context);
      await store.transaction(async (tx) => {
        if (!(await removeDenial(tx, domainId, pattern)))
          throw new MilagroError("ERR_NOT_FOUND", "the deny-list has no such pattern");
        await audit.append(tx, { action: "allow", outcome: "ok", details: { pattern, reason } });
      });
      now.denied = now.denied.filter((other) => other !== pattern);
      return DONE;
    },
  );
}

function addPolicyRoutes(app: HttpApp, context: DtaContext): void {
  const { store, audit, policy } = context;

  app.get("/v1/policy", { schema: { tags: ["policy"], response: { 200: IssuancePolicySchema } } }, async () =>
    encodeIssuancePolicy(policy.current),
  );

  app.put(
    "/v1/policy",
    { schema: { tags: ["policy"], body: IssuancePolicySchema, response: { 200: IssuancePolicySchema } } },
    async ({ body }) => {
      const next = parseIssuancePolicy(body);
      policy.check(next);
      const record = (outcome: string) =>
        store.transaction((tx) =>
          audit.append(tx, {
            action: "policy",
            outcome,
            details: { policyVersion: next.version, policyHash: encodeBase64url(hashPolicy(next)) },
          }),
        );
      await record("ok");
      try {
        await policy.replace(next);
      } catch (error) {
        await record(error instanceof MilagroError ? error.code : "ERR_INTERNAL");
        throw error;
      }
      return encodeIssuancePolicy(policy.current);
    },
  );
}

/** A pattern of another domain would never match: a typing error that would go unnoticed. */
function checkDomainOf(pattern: IdentityPattern, domain: string): void {
  if (!pattern.startsWith(`milagro:${domain}/`)) {
    throw new MilagroError(
      "ERR_DOMAIN_MISMATCH",
      "the pattern is about identities of another domain than the one this D-TA serves",
    );
  }
}
