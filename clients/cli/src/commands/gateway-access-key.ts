/**
 * `milagro gateway access-key-…`: S3 access keys and whom they stand for.
 * @module
 */
import { join } from "node:path";
import { parseIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { createAccessKey, listAccessKeys, openAccessKeyStore, revokeAccessKey } from "@milagro/gateway/access-keys";
import { makePrivateFolder } from "@milagro/runtime/atomic-file";
import { systemClock } from "@milagro/runtime/clock";
import type { KeyStore } from "@milagro/runtime/key-store";
import type { CommandSpec, Context, Invocation } from "../command.ts";
import { PASSPHRASE_OPTION } from "../options.ts";
import { readPassphraseFor } from "../ports.ts";
import { GATEWAY_HOME, gatewayHome } from "./gateway-serve.ts";

const COMMON = [GATEWAY_HOME, PASSPHRASE_OPTION];

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
  options: [
    ...COMMON,
    { flags: "-a, --attribute <label=value>", text: "what the identity has; several values: repeat it", many: true },
    { flags: "--bucket <name>", text: "only this bucket; may be repeated", many: true },
    { flags: "--read-only", text: "reading only" },
  ],
  examples: [
    {
      text: "For a doctor in Germany",
      line: "milagro gateway access-key-create --home gw milagro:acme/person/alice -a role=doctor -a region=DE",
    },
  ],
  serviceHome: true,
  run: (context, invocation) =>
    withStore(context, invocation, async (store) => {
      const buckets = invocation.list("bucket");
      const key = await createAccessKey(
        store,
        {
          identity: parseIdentity(invocation.argument(0)),
          attributes: attributesFrom(invocation.list("attribute")),
          readOnly: invocation.flag("readOnly"),
          ...(buckets.length > 0 ? { buckets } : {}),
        },
        systemClock(),
      );
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

const list: CommandSpec = {
  name: "access-keys",
  summary: "show the S3 access keys, without their secrets",
  options: COMMON,
  examples: [{ text: "Who may come in?", line: "milagro gateway access-keys --home gw" }],
  serviceHome: true,
  run: (context, invocation) =>
    withStore(context, invocation, (store) => {
      const keys = listAccessKeys(store);
      return {
        data: keys.map(({ id, identity, buckets, readOnly, createdMs }) => ({
          id,
          identity,
          buckets: buckets && [...buckets],
          readOnly,
          created: new Date(createdMs).toISOString(),
        })),
        view: {
          kind: "rows",
          columns: ["access key", "identity", "attributes", "may"],
          rows: keys.map(({ id, identity, attributes, readOnly, buckets }) => [
            id,
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
  summary: "end an S3 access key",
  details: "A running gateway refuses it within a second.",
  arguments: [["<access-key>", "its id"]],
  options: COMMON,
  examples: [{ text: "One that was lost", line: "milagro gateway access-key-revoke --home gw MLGABCDEFGHIJKLMNOPQ" }],
  serviceHome: true,
  run: (context, invocation) =>
    withStore(context, invocation, async (store) => {
      await revokeAccessKey(store, invocation.argument(0));
      return { data: { revoked: invocation.argument(0) } };
    }),
};

export const gatewayAccessKeys: readonly CommandSpec[] = [create, list, revoke];

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
