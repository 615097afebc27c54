/**
 * `milagro decrypt`: opens a file that was encrypted to you.
 * @module
 */
import { decryptAttributeFile, decryptPolicyFile } from "@milagro/client/attribute-files";
import { entitlementsToRenew, requestAttributeKeys } from "@milagro/client/attribute-keys";
import type { ClientDeps } from "@milagro/client/deps";
import { fileKindOf } from "@milagro/client/file-kind";
import { decryptFile } from "@milagro/client/files";
import type { AeadPort } from "@milagro/crypto/aead";
import type { Epoch } from "@milagro/crypto/epoch";
import type { IdentityStore } from "@milagro/endpoint/identity-store";
import { MilagroError } from "@milagro/engine/error";
import { newestSchema } from "../attribute-schema.ts";
import { counted, inputStream, nodeAead, writeStream } from "../byte-streams.ts";
import type { CommandSpec, Context } from "../command.ts";
import { DOMAIN_OPTION, ID_OPTION, PASSPHRASE_OPTION } from "../options.ts";
import { asIdentity, ownIdentity, withClient } from "../session.ts";

export const decrypt: CommandSpec = {
  name: "decrypt",
  summary: "decrypt a file with your keys",
  details:
    "Opens files to identities, to policies and to attributes, with the keys that are here. No byte is written before it is authenticated; a file is written whole or not at all. With\n--online a missing key of a past epoch is asked for at the D-TAs, and that of an epoch which the file itself is encrypted to.",
  arguments: [["[file]", "what to decrypt; stdin by default"]],
  options: [
    ID_OPTION,
    DOMAIN_OPTION,
    PASSPHRASE_OPTION,
    { flags: "-o, --out <file>", text: "where to write; stdout by default" },
    { flags: "--online", text: "ask the D-TAs for the key of a past epoch" },
    { flags: "--force", text: "replace the output file" },
  ],
  examples: [
    { text: "A file", line: "milagro decrypt --id milagro:acme/person/bob -o report.pdf report.pdf.milagro" },
    { text: "A backup", line: "milagro decrypt --id milagro:acme/person/bob < folder.tar.milagro | tar x" },
  ],
  async run(context, invocation) {
    const file = invocation.optionalArgument(0);
    const out = invocation.text("out");
    if (out !== undefined && file !== undefined && out === file)
      throw new MilagroError("ERR_USAGE", "input and output are the same file");
    const online = invocation.flag("online");
    const work = async (deps: ClientDeps, openKeys: () => Promise<IdentityStore>) => {
      const { label, source } = counted("decrypting", inputStream(context.io, file));
      const opened = openAny(context, { ...deps, aead: nodeAead, online }, openKeys, source);
      const writing = writeStream(context.io, out, opened, { force: invocation.flag("force"), binary: false });
      await context.progress(label, writing);
    };
    const reach = online ? "online" : "offline";
    // What is encrypted to an epoch needs no keys of one's own: only who has some is asked for their passphrase.
    const missing = await ownIdentity(context).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (missing !== undefined) {
      await withClient(context, undefined, (deps) => work(deps, () => Promise.reject(missing)), reach);
      return undefined;
    }
    return asIdentity(
      context,
      async (deps, store) => {
        const count = (): number => store.ring.slots().length + store.attributes.keys().length;
        const before = count();
        await work(deps, async () => store);
        if (count() > before) await store.save();
        return undefined;
      },
      reach,
    );
  },
};

type DecryptDeps = ClientDeps & { readonly aead: AeadPort; readonly online: boolean };

/** The file itself says what it is encrypted to. */
async function* openAny(
  context: Context,
  deps: DecryptDeps,
  openKeys: () => Promise<IdentityStore>,
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const { kind, source } = await fileKindOf(stream);
  if (kind === "identities") {
    yield* decryptFile(deps, async () => (await openKeys()).ring, source);
    return;
  }
  const keys = {
    open: async () => (await openKeys()).attributes,
    fetch: deps.online ? (_: unknown, epoch: Epoch) => fetchKeys(context, deps, openKeys, epoch) : undefined,
  };
  yield* kind === "policy" ? decryptPolicyFile(deps, keys, source) : decryptAttributeFile(deps, keys, source);
}

/** The keys that are here, for another epoch. */
async function fetchKeys(
  context: Context,
  deps: DecryptDeps,
  openKeys: () => Promise<IdentityStore>,
  epoch: Epoch,
): Promise<void> {
  const { ring, attributes } = await openKeys();
  const { schema } = await newestSchema(context, deps);
  await requestAttributeKeys(deps, ring, attributes, entitlementsToRenew(deps, schema, attributes, [epoch]));
}
