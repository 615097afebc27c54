/**
 * `milagro enrol`: gets an identity its keys, one share from each D-TA.
 * @module
 */
import { dirname } from "node:path";
import type { ClientDeps } from "@milagro/client/deps";
import { type EnrolmentRoute, enrol as enrolAtDtas, resumeEnrol } from "@milagro/client/enrol";
import type { KeySlot } from "@milagro/client/key-ring";
import { renewKeys } from "@milagro/client/renew";
import { wipe } from "@milagro/crypto/bytes";
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import { parseIdentityUsage } from "@milagro/crypto/usage";
import type { IdentityStore } from "@milagro/endpoint/identity-store";
import { MilagroError } from "@milagro/engine/error";
import type { EnrolmentResult } from "@milagro/protocol/enrolment";
import { makePrivateFolder } from "@milagro/runtime/atomic-file";
import type { CommandSpec, Context, Invocation } from "../command.ts";
import { readEvidence, receiptRows, receiptsOf } from "../evidence.ts";
import { ACTING_OPTIONS } from "../options.ts";
import { keyFile, listIdentities } from "../profile.ts";
import { createStore, openStore, ownIdentity, withClient } from "../session.ts";

const ROUTES = ["auto", "relay", "direct"] as const satisfies readonly EnrolmentRoute[];

export const enrol: CommandSpec = {
  name: "enrol",
  summary: "get an identity its keys: one share from each D-TA, added up here",
  details:
    "The first time, evidence is needed: a join token of every D-TA, a registrar's grant or an OpenID Connect token, one a line.\nLater the identity's own key is the evidence. Keys are asked for this epoch and the next.",
  options: [
    ...ACTING_OPTIONS,
    { flags: "--evidence <value>", text: "where the evidence is: @file, or - for stdin" },
    { flags: "--usages <list>", text: "what keys: enc, sig, kex", default: "enc,sig" },
    { flags: "--epoch <number>", text: "ask for the enc key of a past epoch instead" },
    {
      flags: "--route <route>",
      text: "through the D-KMS, directly to the D-TAs, or whichever works",
      choices: ROUTES,
      default: "auto",
    },
    { flags: "--timeout <seconds>", text: "how long to wait for all D-TAs", default: "30" },
  ],
  examples: [
    { text: "With join tokens from a file", line: "milagro enrol --id milagro:acme/person/alice --evidence @tokens" },
    { text: "Renew for the next epoch", line: "milagro enrol --id milagro:acme/person/alice" },
    {
      text: "Get last week's key to open an old file",
      line: "milagro enrol --id milagro:acme/person/alice --epoch 20478",
    },
  ],
  async run(context, invocation) {
    const { identity: named, home } = context.settings;
    if (named === undefined && (await listIdentities(home)).length === 0)
      throw new MilagroError("ERR_USAGE", "say who enrols: --id milagro:<domain>/<kind>/<name>");
    const identity = await ownIdentity(context);
    await makePrivateFolder(dirname(keyFile(context.settings.home, identity)));
    return withClient(context, identity, async (deps) => {
      const store = await openOrCreate(context, deps, identity);
      try {
        const result = await context.progress(
          `enrolling at ${deps.domain.authorities.length} D-TAs`,
          obtain(context, invocation, deps, store),
        );
        await store.save();
        await store.setPending(undefined);
        return describe(store, result);
      } finally {
        await store.close();
      }
    });
  },
};

async function openOrCreate(
  context: Context,
  deps: ClientDeps,
  identity: IdentityStore["ring"]["identity"],
): Promise<IdentityStore> {
  try {
    return await openStore(context, deps, identity);
  } catch (error) {
    if (error instanceof MilagroError && error.code === "ERR_KEY_MISSING") return createStore(context, deps, identity);
    throw error;
  }
}

async function obtain(
  context: Context,
  invocation: Invocation,
  deps: ClientDeps,
  store: IdentityStore,
): Promise<EnrolmentResult | undefined> {
  const { ring } = store;
  const options = {
    route: ROUTES.find((route) => route === invocation.text("route")),
    timeoutMs: (invocation.integer("timeout", { min: 1, max: 3600 }) ?? 30) * 1000,
  };
  const pending = store.pending();
  if (pending) {
    const exported = pending.use((bytes) => bytes.slice());
    pending.destroy();
    try {
      context.note("Going on with the enrolment that was begun before.");
      const resumed = await resumeEnrol(deps, exported, options);
      ring.add(resumed.keys);
      return resumed;
    } catch (error) {
      // Stale requests are refused for ever; everything else is worth another try with the same evidence.
      if (!(error instanceof MilagroError) || error.code !== "ERR_ENROLMENT_REFUSED") throw error;
      await store.setPending(undefined);
    } finally {
      wipe(exported);
    }
  }
  const keys = wantedKeys(invocation, deps);
  const evidence = invocation.text("evidence");
  if (evidence === undefined) {
    if (ring.newest("sig", epochAt(deps.clock(), deps.domain.epochSeconds)) === undefined) {
      throw new MilagroError(
        "ERR_EVIDENCE_MISSING",
        `${ring.identity} has no keys yet: bring evidence with --evidence @file`,
      );
    }
    return renewKeys(deps, ring, keys, options);
  }
  const result = await enrolAtDtas(deps, {
    ...options,
    identity: ring.identity,
    keys,
    evidence: await readEvidence(context.io, evidence, deps.domain),
    onBegun: (exported) => store.setPending(exported),
  });
  ring.add(result.keys);
  return result;
}

function wantedKeys(invocation: Invocation, deps: ClientDeps): readonly KeySlot[] {
  const current = epochAt(deps.clock(), deps.domain.epochSeconds);
  const past = invocation.integer("epoch", { min: 1, max: Number.MAX_SAFE_INTEGER });
  if (past !== undefined) return [{ usage: "enc", epoch: past as Epoch }];
  const usages = invocation.required("usages").split(",").map(parseIdentityUsage);
  return [current, (current + 1) as Epoch].flatMap((epoch) => usages.map((usage) => ({ usage, epoch })));
}

function describe(store: IdentityStore, result: EnrolmentResult | undefined) {
  const { ring } = store;
  const issued = result?.keys.map(({ usage, epoch }) => ({ usage, epoch })) ?? [];
  const receipts = receiptsOf(result?.receipts ?? []);
  return {
    data: { identity: ring.identity, issued, receipts },
    view: {
      kind: "fields" as const,
      fields: [
        ["identity", ring.identity] as const,
        [
          "issued",
          issued.length === 0
            ? "nothing: all keys are here already"
            : issued.map(({ usage, epoch }) => `${usage} ${epoch}`).join(", "),
        ] as const,
        ...receiptRows(receipts),
      ],
    },
  };
}
