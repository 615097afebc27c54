/**
 * The public API of a D-TA: status, descriptor, issuing, and the log for everybody to watch. Routes only parse and hand on.
 * @module
 */
import { parseEpoch } from "@milagro/crypto/epoch";
import { SchemaStatementSchema } from "@milagro/protocol/attribute-schema-statement";
import { encodeSignedDescriptor, SignedDescriptorSchema } from "@milagro/protocol/descriptor";
import {
  type DtaStatus,
  DtaStatusSchema,
  encodeDtaStatus,
  LogHeadSchema,
  LogPageSchema,
} from "@milagro/protocol/dta-messages";
import { EpochShareSchema, encodeEpochShare } from "@milagro/protocol/epoch-share";
import {
  IssuanceAnswerSchema,
  type IssuanceAnswerWire,
  SealedRequestSchema,
  type SealedRequestWire,
} from "@milagro/protocol/issuance-messages";
import type { HttpApp } from "@milagro/runtime/http-server";
import Type from "typebox";
import { publishAttributeSchema } from "./attribute-schema.ts";
import { type DtaContext, domainOf } from "./context.ts";
import { publishEpochShare } from "./epoch-share.ts";
import { logPage, MAX_LOG_PAGE, signedLogHead } from "./log-page.ts";
import { signedAhead } from "./rotation.ts";
import { earlierDescriptor } from "./served-domain.ts";
import { VERSION } from "./version.ts";

/** As text: a number would be rounded to fit before anybody looks at it. */
const EpochParams = Type.Object({ epoch: Type.String({ pattern: "^[0-9]{1,15}$" }) }, { additionalProperties: false });

const SequenceParams = Type.Object(
  { sequence: Type.String({ pattern: "^[0-9]{1,9}$" }) },
  { additionalProperties: false },
);

const LogQuery = Type.Object(
  {
    after: Type.Optional(Type.Integer({ minimum: 0, description: "Entries with a higher index; default 0" })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LOG_PAGE, description: "Default 100" })),
  },
  { additionalProperties: false },
);

export function addPublicRoutes(
  app: HttpApp,
  context: DtaContext,
  issue: (sealed: SealedRequestWire) => Promise<IssuanceAnswerWire>,
): void {
  app.get(
    "/v1/dta",
    { schema: { tags: ["domain"], summary: "Who this is", response: { 200: DtaStatusSchema } } },
    async () => encodeDtaStatus(await dtaStatus(context)),
  );

  app.get(
    "/v1/descriptor",
    {
      schema: {
        tags: ["domain"],
        summary: "The signed descriptor of the domain",
        response: { 200: SignedDescriptorSchema },
      },
    },
    async () => encodeSignedDescriptor(domainOf(context).signed),
  );

  app.get(
    "/v1/descriptors/:sequence",
    {
      schema: {
        tags: ["domain"],
        summary: "An earlier descriptor; 0 is the genesis, by which the newest one is believed",
        params: SequenceParams,
        response: { 200: SignedDescriptorSchema },
      },
    },
    async ({ params }) => encodeSignedDescriptor(await earlierDescriptor(context, Number(params.sequence))),
  );

  app.post(
    "/v1/issue",
    {
      schema: {
        tags: ["issuance"],
        summary: "Ask for key shares, or approvals of attribute keys; a refusal is an answer too, and signed",
        body: SealedRequestSchema,
        response: { 200: IssuanceAnswerSchema },
      },
    },
    (request) => issue(request.body),
  );

  app.get(
    "/v1/epochs/:epoch",
    {
      schema: {
        tags: ["issuance"],
        summary: "This D-TA's share of the key of an epoch that has begun",
        params: EpochParams,
        response: { 200: EpochShareSchema },
      },
    },
    async ({ params }) => encodeEpochShare(await publishEpochShare(context, parseEpoch(Number(params.epoch)))),
  );

  app.get(
    "/v1/attributes",
    {
      schema: {
        tags: ["issuance"],
        summary: "The attribute schema of the domain, signed by this D-TA",
        response: { 200: SchemaStatementSchema },
      },
    },
    () => publishAttributeSchema(context),
  );

  app.get(
    "/v1/log/head",
    { schema: { tags: ["log"], summary: "Where the audit log ends, signed", response: { 200: LogHeadSchema } } },
    () => signedLogHead(context),
  );

  app.get(
    "/v1/log",
    {
      schema: {
        tags: ["log"],
        summary: "Entries of the audit log",
        querystring: LogQuery,
        response: { 200: LogPageSchema },
      },
    },
    async ({ query }) => logPage(context, query.after ?? 0, query.limit ?? 100),
  );
}

/** The same for everybody: nothing in it is worth hiding. */
export async function dtaStatus(context: DtaContext): Promise<DtaStatus> {
  const { config, issuer, now, audit, store } = context;
  const { name, operator, jurisdiction } = config;
  const domains = [];
  if (now.domain !== undefined) {
    const { domainId, name: domain, index } = now.domain;
    const signed = await signedAhead(store.db);
    domains.push({ domainId, name: domain, index, ...(signed > 0 ? { signed } : {}) });
  }
  return {
    v: 1,
    name,
    operator,
    jurisdiction,
    software: VERSION,
    sealed: issuer.sealed,
    domains,
    log: await audit.head(store.db),
  };
}
