/**
 * `milagro sign`: a detached signature over a file.
 * @module
 */
import { signFile } from "@milagro/client/file-signature";
import { encodeFileSignature } from "@milagro/protocol/file-signature";
import { digestStream, inputStream } from "../byte-streams.ts";
import type { CommandSpec } from "../command.ts";
import { writeTextFile } from "../files.ts";
import { ID_OPTION, PASSPHRASE_OPTION } from "../options.ts";
import { asIdentity } from "../session.ts";

export const sign: CommandSpec = {
  name: "sign",
  summary: "sign a file as an identity",
  details:
    "Offline, with this epoch's key. Whoever has the domain's descriptor can check it; no certificate is needed.",
  arguments: [["[file]", "what to sign; stdin by default"]],
  options: [
    ID_OPTION,
    PASSPHRASE_OPTION,
    { flags: "-o, --out <file>", text: "where to write the signature; stdout by default" },
  ],
  examples: [
    { text: "A release", line: "milagro sign --id milagro:acme/person/alice -o release.tar.sig release.tar" },
    {
      text: "What another program prints",
      line: "sha256sum * | milagro sign --id milagro:acme/person/alice > sums.sig",
    },
  ],
  async run(context, invocation) {
    return asIdentity(
      context,
      async (deps, { ring }) => {
        const digest = await context.progress(
          "reading",
          digestStream(inputStream(context.io, invocation.optionalArgument(0))),
        );
        const text = `${JSON.stringify(encodeFileSignature(signFile(deps, ring, digest)))}\n`;
        const out = invocation.text("out");
        if (out === undefined) context.io.stdout.write(text);
        else await writeTextFile(context.io, out, text, 0o644);
        return undefined;
      },
      "offline",
    );
  },
};
