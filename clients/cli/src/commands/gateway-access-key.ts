/**
 * `milagro gateway access-key-…` and `channel-allow`: who may come in, by an S3 access key or over a channel.
 * @module
 */
import { join } from "node:path";
import { parseIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import {
  type AccessKeyOptions,
  admitPeer,
  createAccessKey,
  listAccessKeys,
  openAccessKeyStore,
  revokeAccessKey,
} from "@milagro/gateway/access-keys";
import { makePrivateFolder } from "@milagro/runtime/atomic-file";
import { systemClock } from "@milagro/runtime/clock";
import type { KeyStore } from "@milagro/runtime/key-store";
import type { CommandSpec, Context, Invocation } from "../command.ts";
import type { OptionSpec } from "../option.ts";
import { PASSPHRASE_OPTION } from "../options.ts";
import { readPassphraseFor } from "../ports.ts";
import { GATEWAY_HOME, gatewayHome } from "./gateway-serve.ts";

const COMMON = [GATEWAY_HOME, PASSPHRASE_OPTION];
/** Whom it is for, and how far. */
const GRANT: readonly OptionSpec[] = [
  { flags: "-a, --attribute <label=value>", text: "what the identity has; several values: repeat it", many: true },
  { flags: "--bucket <name>", text: "only this bucket; may be repeated", many: true },
  { flags: "--read-only", text: "reading only" },
];

function grantOf(invocation: Invocation): AccessKeyOptions {
  const buckets = invocation.list("bucket");
  return {
    identity: parseIdentity(invocation.argument(0)),
    attributes: attributesFrom(invocation.list("attribute")),
    readOnly: invocation.flag("readOnly"),
    ...(buckets.length > 0 ? { buckets } : {}),
  };
}

async function withStore<T>(
  context: Context,
  invocation: Invocation,
  work: (store: KeyStore) => Promise<T> | T,
): Promise<T> {
  const home = gatewayHome(context, invocation);
  await makePrivateFolder(home);
  const passphrase = await readPassphraseFor(context, "the gateway's access keys");
  try {
    const store = await openAccessKeyStore(join(home, "access.keys"), passphrase);
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  } finally {
    passphrase.destroy();
  }
}

const create: CommandSpec = {
  name: "access-key-create",
  summary: "make an S3 access key for an identity",
  details:
    "Prints the secret once. A running gateway takes the key within a second. Requests with it are decided by these attributes.",
  arguments: [["<identity>", "whom it stands for"]],
  options: [...COMMON, ...GRANT],
  examples: [
    {
      text: "For a doctor in Germany",
      line: "milagro gateway access-key-create --home gw milagro:acme/person/alice -a role=doctor -a region=DE",
    },
  ],
  serviceHome: true,
  run: (context, invocation) =>
    withStore(context, invocation, async (store) => {
      const key = await createAccessKey(store, grantOf(invocation), systemClock());
      return {
        data: { accessKeyId: key.id, secretAccessKey: key.secret, identity: key.identity },
        view: {
          kind: "fields",
          fields: [
            ["AWS_ACCESS_KEY_ID", key.id],
            ["AWS_SECRET_ACCESS_KEY", key.secret],
          ],
        },
      };
    }),
};

const allow: CommandSpec = {
  name: "channel-allow",
  summary: "let an identity in over Milagro channels, without an access key",
  details:
    "The gateway must run with --channel-listen. It then knows who asks from the channel; what a request is signed with says nothing. What was\nsaid of the identity before is replaced; `access-key-revoke <identity>` ends it.",
  arguments: [["<identity>", "whom to let in"]],
  options: [...COMMON, ...GRANT],
  examples: [
    {
      text: "The same doctor, by her own keys",
      line: "milagro gateway channel-allow --home gw milagro:acme/person/alice -a role=doctor -a region=DE",
    },
  ],
  serviceHome: true,
  run: (context, invocation) =>
    withStore(context, invocation, async (store) => ({
      data: { allowed: (await admitPeer(store, grantOf(invocation), systemClock())).identity },
    })),
};

const list: CommandSpec = {
  name: "access-keys",
  summary: "show who may come in: S3 access keys, without their secrets, and identities over channels",
  options: COMMON,
  examples: [{ text: "Who may come in?", line: "milagro gateway access-keys --home gw" }],
  serviceHome: true,
  run: (context, invocation) =>
    withStore(context, invocation, (store) => {
      const keys = listAccessKeys(store);
      return {
        data: keys.map(({ id, by, identity, buckets, readOnly, createdMs }) => ({
          id,
          by,
          identity,
          buckets: buckets && [...buckets],
          readOnly,
          created: new Date(createdMs).toISOString(),
        })),
        view: {
          kind: "rows",
          columns: ["access key", "identity", "attributes", "may"],
          rows: keys.map(({ id, by, identity, attributes, readOnly, buckets }) => [
            by === "channel" ? "(by channel)" : id,
            identity,
            Object.entries(attributes)
              .map(([label, value]) => `${label}=${String(value)}`)
              .join(" "),
            `${readOnly ? "read" : "read, write"}${buckets ? ` in ${buckets.join(", ")}` : ""}`,
          ]),
          empty: "There are no access keys.",
        },
      };
    }),
};

const revoke: CommandSpec = {
  name: "access-key-revoke",
  summary: "end an S3 access key, or what an identity may do over channels",
  details: "A running gateway refuses it within a second, on connections that stand as well.",
  arguments: [["<access-key>", "its id, or the identity of channel-allow"]],
  options: COMMON,
  examples: [{ text: "One that was lost", line: "milagro gateway access-key-revoke --home gw MLGABCDEFGHIJKLMNOPQ" }],
  serviceHome: true,
  run: (context, invocation) =>
    withStore(context, invocation, async (store) => {
      await revokeAccessKey(store, invocation.argument(0));
      return { data: { revoked: invocation.argument(0) } };
    }),
};

export const gatewayAccessKeys: readonly CommandSpec[] = [create, allow, list, revoke];

/** Without a schema: the gateway checks them when they are used. A label that comes twice has many values. */
function attributesFrom(texts: readonly string[]): Readonly<Record<string, string | number | readonly string[]>> {
  const values: Record<string, string[]> = {};
  for (const text of texts) {
    const [, label, value] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
    if (label === undefined || value === undefined)
      throw new MilagroError("ERR_USAGE", "an attribute is written label=value");
    values[label] = [...(values[label] ?? []), value];
  }
  return Object.fromEntries(
    Object.entries(values).map(([label, list]) => {
      const [only] = list;
      if (list.length > 1 || only === undefined) return [label, list];
      return [label, /^\d{1,10}$/.test(only) ? Number(only) : only];
    }),
  );
}
