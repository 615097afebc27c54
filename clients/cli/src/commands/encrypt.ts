/**
 * `milagro encrypt`: a file to identities, offline.
 * @module
 */
import { encryptFile } from "@milagro/client/files";
import { type Epoch, epochAt, NO_EXPIRY } from "@milagro/crypto/epoch";
import { parseIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { systemClock } from "@milagro/runtime/clock";
import { systemRandom } from "@milagro/runtime/random";
import { counted, inputStream, nodeAead, writeStream } from "../byte-streams.ts";
import type { CommandSpec } from "../command.ts";
import { OPENS_AT_OPTION, parseOpensAt } from "../opens-at.ts";
import { DOMAIN_OPTION } from "../options.ts";
import { parseRecipients } from "../recipients.ts";
import { engineOf, openDomain } from "../session.ts";

export const encrypt: CommandSpec = {
  name: "encrypt",
  summary: "encrypt a file to identities, offline",
  details:
    "Needs the pinned domain and no keys, no network: a recipient need not even have enrolled. The file is streamed in 64 KiB segments,\neach authenticated. It opens with the recipients' keys of one epoch; by default the current one.",
  arguments: [["[file]", "what to encrypt; stdin by default"]],
  options: [
    {
      flags: "-r, --recipient <identity>",
      text: "milagro:<domain>/<kind>/<name>, or <kind>/<name>; may be repeated",
      many: true,
    },
    { flags: "-t, --to <identity>", text: "the same, as with `secret put`", many: true },
    { flags: "-o, --out <file>", text: "where to write; stdout by default" },
    { flags: "--epoch <number>", text: "of another epoch's keys; 0 for keys without expiry" },
    OPENS_AT_OPTION,
    { flags: "--force", text: "replace the output file" },
    DOMAIN_OPTION,
  ],
  examples: [
    { text: "A file", line: "milagro encrypt -r milagro:acme/person/bob -o report.pdf.milagro report.pdf" },
    {
      text: "A backup to two people",
      line: "tar c folder | milagro encrypt -r person/alice -r person/bob --domain acme > folder.tar.milagro",
    },
    {
      text: "A sealed bid that nobody can read before the year ends",
      line: "milagro encrypt --opens-at 2027-01-01 --domain acme bid.pdf > bid.pdf.milagro",
    },
  ],
  async run(context, invocation) {
    const texts = [...invocation.list("recipient"), ...invocation.list("to")];
    const whole = texts.find((text) => text.startsWith("milagro:"));
    const domain = await openDomain(context, whole === undefined ? undefined : parseIdentity(whole));
    const opensAt = parseOpensAt(context, invocation.text("opensAt"), domain.epochSeconds);
    const recipients = opensAt !== undefined && texts.length === 0 ? [] : parseRecipients(texts, domain.name);
    const given = invocation.integer("epoch", { min: 0, max: Number.MAX_SAFE_INTEGER });
    const epoch =
      given === undefined ? epochAt(systemClock(), domain.epochSeconds) : given === 0 ? NO_EXPIRY : (given as Epoch);
    const deps = { engine: await engineOf(), random: systemRandom, domain, aead: nodeAead };
    const file = invocation.optionalArgument(0);
    const out = invocation.text("out");
    if (out !== undefined && file !== undefined && out === file)
      throw new MilagroError("ERR_USAGE", "input and output are the same file");
    const { label, source } = counted("encrypting", inputStream(context.io, file));
    const sealed = encryptFile(deps, recipients, epoch, source, opensAt);
    await context.progress(
      label,
      writeStream(context.io, out, sealed, { force: invocation.flag("force"), binary: true }),
    );
    return undefined;
  },
};
