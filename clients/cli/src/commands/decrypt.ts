/**
 * `milagro decrypt`: opens a file that was encrypted to you.
 * @module
 */
import type { ClientDeps } from "@milagro/client/deps";
import { decryptFile } from "@milagro/client/files";
import type { KeyRing } from "@milagro/client/key-ring";
import { MilagroError } from "@milagro/engine/error";
import { counted, inputStream, nodeAead, writeStream } from "../byte-streams.ts";
import type { CommandSpec } from "../command.ts";
import { DOMAIN_OPTION, ID_OPTION, PASSPHRASE_OPTION } from "../options.ts";
import { asIdentity, ownIdentity, withClient } from "../session.ts";

export const decrypt: CommandSpec = {
  name: "decrypt",
  summary: "decrypt a file with your keys",
  details:
    "No byte is written before it is authenticated; a file is written whole or not at all. With --online a missing key of a past epoch\nis asked for at the D-TAs, and that of an epoch which the file itself is encrypted to.",
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
    const work = async (deps: ClientDeps, openRing: () => Promise<KeyRing>) => {
      const { label, source } = counted("decrypting", inputStream(context.io, file));
      const opened = decryptFile({ ...deps, aead: nodeAead, online }, openRing, source);
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
        const before = store.ring.slots().length;
        await work(deps, async () => store.ring);
        if (store.ring.slots().length > before) await store.save();
        return undefined;
      },
      reach,
    );
  },
};
