/**
 * `milagro gateway decrypt`: reads what a gateway stored, without a gateway.
 * @module
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ClientDeps } from "@milagro/client/deps";
import type { IdentityStore } from "@milagro/endpoint/identity-store";
import { MilagroError } from "@milagro/engine/error";
import { openBackend } from "@milagro/gateway/backend-open";
import { readGatewayConfig } from "@milagro/gateway/config";
import { openOffline, rawFiles, type StoreReader } from "@milagro/gateway/offline";
import { policyKeysOf } from "@milagro/gateway/ring-keys";
import { systemClock } from "@milagro/runtime/clock";
import { keptSchema } from "../attribute-schema.ts";
import { counted, writeStream } from "../byte-streams.ts";
import type { CommandSpec, Context, Invocation } from "../command.ts";
import { DOMAIN_OPTION, ID_OPTION, PASSPHRASE_OPTION } from "../options.ts";
import { asIdentity } from "../session.ts";
import { readText } from "../value.ts";

export const gatewayDecrypt: CommandSpec = {
  name: "decrypt",
  summary: "decrypt a stored object with your attribute key, without the gateway",
  details:
    "Reads the store itself (--store), or an object that was fetched from it by other means: its bytes (--object), the text in its metadata under\n`milagro` (--header) and the record .milagro/kek/<id> of its bucket (--kek). No byte is written before it is authenticated.",
  arguments: [
    ["<bucket>", "the bucket"],
    ["<key>", "the object's key, as clients of the gateway know it"],
  ],
  options: [
    ID_OPTION,
    DOMAIN_OPTION,
    PASSPHRASE_OPTION,
    { flags: "--store <url>", text: "the gateway's backend: file:///path or a folder, s3:// or s3://https://host" },
    { flags: "--object <file>", text: "the object's bytes at rest" },
    { flags: "--header <text>", text: "its header: the text, or @file" },
    { flags: "--kek <file>", text: "the record of its KEK" },
    { flags: "--writer <identity>", text: "a gateway that is believed to write there; may be repeated", many: true },
    { flags: "-o, --out <file>", text: "where to write; stdout by default" },
    { flags: "--force", text: "replace the output file" },
  ],
  examples: [
    {
      text: "From the gateway's folder",
      line: "milagro gateway decrypt records hr/alice.pdf --store gw/store --writer milagro:acme/gateway/g1 -o alice.pdf",
    },
    {
      text: "From three files",
      line: "milagro gateway decrypt records hr/alice.pdf --object raw --header @header --kek kek --writer milagro:acme/gateway/g1 -o alice.pdf",
    },
  ],
  run: (context, invocation) =>
    asIdentity(context, (deps, store) => decrypt(context, invocation, deps, store), "offline"),
};

async function decrypt(
  context: Context,
  invocation: Invocation,
  deps: ClientDeps,
  keys: IdentityStore,
): Promise<undefined> {
  const writers = invocation.list("writer");
  if (writers.length === 0)
    throw new MilagroError("ERR_USAGE", "--writer is needed: who is believed to have written the object");
  const schema = await keptSchema(context, deps.domain);
  const policyKeys = policyKeysOf({ deps, identity: keys.ring.identity, schema }, () => keys);
  const { store, close } = await openStore(context, invocation);
  try {
    const place = { bucket: invocation.argument(0), key: invocation.argument(1) };
    const { body } = await openOffline(store, policyKeys, writers, place);
    const { label, source } = counted("decrypting", body);
    const options = { force: invocation.flag("force"), binary: false };
    await context.progress(label, writeStream(context.io, invocation.text("out"), source, options));
  } finally {
    await close();
  }
  return undefined;
}

async function openStore(
  { io }: Context,
  invocation: Invocation,
): Promise<{ readonly store: StoreReader; close(): Promise<void> }> {
  const url = invocation.text("store");
  if (url !== undefined) {
    const backend = /^(?:s3|file):\/\//.test(url) ? url : pathToFileURL(resolve(io.cwd, url)).href;
    if (backend.startsWith("file://") && !existsSync(new URL(`${backend.replace(/\/$/, "")}/index.sqlite`)))
      throw new MilagroError("ERR_FILE_MISSING", "there is no gateway's store in this folder");
    const store = await openBackend(readGatewayConfig(io.cwd, { backend }, {}), systemClock);
    return { store, close: () => store.close() };
  }
  const [object, header, kek] = [invocation.text("object"), invocation.text("header"), invocation.text("kek")];
  if (object === undefined || header === undefined || kek === undefined)
    throw new MilagroError("ERR_USAGE", "--store is needed, or all of --object, --header and --kek");
  const files = {
    object: resolve(io.cwd, object),
    header: (await readText(io, header)).trim(),
    kek: resolve(io.cwd, kek),
  };
  return { store: rawFiles(files), close: async () => {} };
}
