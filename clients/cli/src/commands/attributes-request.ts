/**
 * `milagro attributes request`: gets an identity an attribute key, approved and issued by all D-TAs.
 * @module
 */

import {
  type AttributeKeyOptions,
  entitlementFor,
  entitlementsToRenew,
  requestAttributeKeys,
  resumeAttributeKeys,
  type WantedKey,
} from "@milagro/client/attribute-keys";
import { parseAttributePairs } from "@milagro/client/attribute-pairs";
import type { ClientDeps } from "@milagro/client/deps";
import type { EnrolmentRoute } from "@milagro/client/enrol";
import type { AbeEntitlement } from "@milagro/crypto/abe-entitlement";
import type { AttributeSchema } from "@milagro/crypto/attribute-schema";
import { wipe } from "@milagro/crypto/bytes";
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import type { IdentityStore } from "@milagro/endpoint/identity-store";
import { MilagroError } from "@milagro/engine/error";
import type { AttributeEnrolmentResult } from "@milagro/protocol/attribute-enrolment";
import { newestSchema } from "../attribute-schema.ts";
import type { CommandSpec, Context, Invocation } from "../command.ts";
import { readEvidence, receiptRows, receiptsOf } from "../evidence.ts";
import { ACTING_OPTIONS } from "../options.ts";
import { parsePolicyText } from "../policy-text.ts";
import { asIdentity } from "../session.ts";
import { describeEntitlement, holds } from "./attributes-show.ts";

const ROUTES = ["auto", "relay", "direct"] as const satisfies readonly EnrolmentRoute[];

export const attributesRequest: CommandSpec = {
  name: "request",
  summary: "get an attribute key: approved by all D-TAs, then one share from each, added up here",
  details:
    "Each D-TA decides by itself whether the identity has the attributes. The identity's own signing key vouches for the request, unless\n--evidence brings a registrar's grant. Keys are asked for this epoch and the next. Without -a and --policy the keys that are here are\nasked for again. One D-TA that refuses means no key; ask for fewer attributes then.",
  options: [
    ...ACTING_OPTIONS,
    { flags: "-a, --attribute <label=value>", text: "what the key is to hold; may be repeated", many: true },
    { flags: "--policy <policy>", text: "a key with a policy instead: it opens what carries such attributes" },
    { flags: "--unbound", text: "a key for ciphertexts of any epoch, if the D-TAs allow it" },
    { flags: "--epoch <number>", text: "the key of this epoch only" },
    { flags: "--evidence <value>", text: "where the evidence is: @file, or - for stdin" },
    {
      flags: "--route <route>",
      text: "through the D-KMS, directly to the D-TAs, or whichever works",
      choices: ROUTES,
      default: "auto",
    },
    { flags: "--timeout <seconds>", text: "how long to wait for all D-TAs, in each round", default: "30" },
  ],
  examples: [
    {
      text: "A key that says where you are and what you may see",
      line: "milagro attributes request --id milagro:acme/person/alice -a region=DE -a clearance=3 -a group=staff -a group=audit",
    },
    { text: "The same again, for the epochs to come", line: "milagro attributes request" },
    {
      text: "A key that opens every alarm of one site, by a registrar's grant",
      line: "milagro attributes request --id milagro:acme/service/pager --policy 'topic = alarm and site = ZRH' --evidence @grant",
    },
  ],
  run: (context, invocation) =>
    asIdentity(context, async (deps, store) => {
      const { schema } = await context.progress("fetching the attribute schema", newestSchema(context, deps));
      const result = await context.progress(
        `asking ${deps.domain.authorities.length} D-TAs, twice`,
        obtain(context, invocation, deps, store, schema),
      );
      await store.save();
      await store.setPending(undefined, "attributes");
      return describe(store, result);
    }),
};

async function obtain(
  context: Context,
  invocation: Invocation,
  deps: ClientDeps,
  store: IdentityStore,
  schema: AttributeSchema,
): Promise<AttributeEnrolmentResult | undefined> {
  const { ring, attributes } = store;
  const options = {
    route: ROUTES.find((route) => route === invocation.text("route")),
    timeoutMs: (invocation.integer("timeout", { min: 1, max: 3600 }) ?? 30) * 1000,
  };
  const resumed = await resume(context, deps, store, options);
  if (resumed) return resumed;
  const wanted = entitlements(context, invocation, deps, store, schema);
  return requestAttributeKeys(deps, ring, attributes, wanted, {
    ...options,
    ...(await evidenceOption(context, invocation, deps)),
    onBegun: (exported) => store.setPending(exported, "attributes"),
  });
}

async function resume(
  context: Context,
  deps: ClientDeps,
  store: IdentityStore,
  options: AttributeKeyOptions,
): Promise<AttributeEnrolmentResult | undefined> {
  const pending = store.pending("attributes");
  if (!pending) return undefined;
  const exported = pending.use((bytes) => bytes.slice());
  pending.destroy();
  try {
    context.note("Going on with the request that was begun before.");
    return await resumeAttributeKeys(deps, store.attributes, exported, options);
  } catch (error) {
    // Refused for ever; everything else is worth another try with the same evidence.
    if (!(error instanceof MilagroError) || error.code !== "ERR_ENROLMENT_REFUSED") throw error;
    await store.setPending(undefined, "attributes");
    return undefined;
  } finally {
    wipe(exported);
  }
}

function entitlements(
  context: Context,
  invocation: Invocation,
  deps: ClientDeps,
  { ring, attributes }: IdentityStore,
  schema: AttributeSchema,
): readonly AbeEntitlement[] {
  const current = epochAt(deps.clock(), deps.domain.epochSeconds);
  const named = invocation.integer("epoch", { min: 1, max: Number.MAX_SAFE_INTEGER });
  const epochs = named === undefined ? [current, (current + 1) as Epoch] : [named as Epoch];
  const pairs = invocation.list("attribute");
  const policy = invocation.text("policy");
  if (pairs.length === 0 && policy === undefined) {
    if (attributes.keys().length === 0)
      throw new MilagroError("ERR_USAGE", "say what the key is to hold: -a label=value, or --policy");
    return entitlementsToRenew(deps, schema, attributes, epochs);
  }
  if (pairs.length > 0 && policy !== undefined)
    throw new MilagroError("ERR_USAGE", "a key holds attributes or a policy: -a and --policy exclude each other");
  const what =
    policy === undefined
      ? { attributes: parseAttributePairs(schema, pairs) }
      : { policy: parsePolicyText(context, policy, schema) };
  const wanted: WantedKey = { ...what, boundToEpoch: !invocation.flag("unbound") };
  return epochs.map((epoch) => entitlementFor(deps, schema, ring.identity, epoch, wanted));
}

async function evidenceOption(
  context: Context,
  invocation: Invocation,
  deps: ClientDeps,
): Promise<Pick<AttributeKeyOptions, "evidence">> {
  const evidence = invocation.text("evidence");
  if (evidence === undefined) return {};
  return { evidence: await readEvidence(context.io, evidence, deps.domain) };
}

function describe({ ring }: IdentityStore, result: AttributeEnrolmentResult | undefined) {
  const issued = result?.keys.map(({ entitlement }) => describeEntitlement(entitlement as AbeEntitlement)) ?? [];
  const receipts = receiptsOf(result?.receipts ?? []);
  return {
    data: { identity: ring.identity, issued, receipts },
    view: {
      kind: "fields" as const,
      fields: [
        ["identity", ring.identity] as const,
        ...(issued.length === 0 ? [["issued", "nothing: all keys are here already"] as const] : []),
        ...issued.map((key) => [key.bound ? `epoch ${key.epoch}` : `epoch ${key.epoch}, for any`, holds(key)] as const),
        ...receiptRows(receipts),
      ],
    },
  };
}
