/**
 * `milagro encrypt`: a file to identities, to a policy over attributes, or to attributes, offline.
 * @module
 */

import { encryptFileToAttributes, encryptFileToPolicy } from "@milagro/client/attribute-files";
import { parseAttributePairs } from "@milagro/client/attribute-pairs";
import { encryptFile } from "@milagro/client/files";
import { attributesOf } from "@milagro/crypto/attribute-set";
import { type Epoch, epochAt, NO_EXPIRY } from "@milagro/crypto/epoch";
import { parseIdentity } from "@milagro/crypto/identity";
import type { ByteStream } from "@milagro/crypto/stream";
import { MilagroError } from "@milagro/engine/error";
import { systemClock } from "@milagro/runtime/clock";
import { systemRandom } from "@milagro/runtime/random";
import { keptSchema } from "../attribute-schema.ts";
import { counted, inputStream, nodeAead, writeStream } from "../byte-streams.ts";
import type { CommandSpec, Context, Invocation } from "../command.ts";
import { OPENS_AT_OPTION, parseOpensAt } from "../opens-at.ts";
import { DOMAIN_OPTION } from "../options.ts";
import { parsePolicyText } from "../policy-text.ts";
import { parseRecipients } from "../recipients.ts";
import { engineOf, openDomain } from "../session.ts";

export const encrypt: CommandSpec = {
  name: "encrypt",
  summary: "encrypt a file to identities or to a policy, offline",
  details:
    "To identities, to whoever holds attributes that satisfy a policy, or to whoever holds a key whose policy the file's attributes satisfy.\nNeeds the pinned domain and no keys, no network: a recipient need not even have enrolled. The file is streamed in 64 KiB segments,\neach authenticated. It opens with the recipients' keys of one epoch; by default the current one.",
  arguments: [["[file]", "what to encrypt; stdin by default"]],
  options: [
    {
      flags: "-r, --recipient <identity>",
      text: "milagro:<domain>/<kind>/<name>, or <kind>/<name>; may be repeated",
      many: true,
    },
    { flags: "-t, --to <identity>", text: "the same, as with `secret put`", many: true },
    { flags: "--policy <policy>", text: "to whoever satisfies this policy; it can be read by everybody" },
    {
      flags: "-a, --attribute <label=value>",
      text: "to keys with a policy: an attribute that the file carries; may be repeated",
      many: true,
    },
    { flags: "-o, --out <file>", text: "where to write; stdout by default" },
    { flags: "--epoch <number>", text: "of another epoch's keys; 0 for keys without expiry" },
    OPENS_AT_OPTION,
    { flags: "--force", text: "replace the output file" },
    DOMAIN_OPTION,
  ],
  examples: [
    { text: "A file", line: "milagro encrypt -r milagro:acme/person/bob -o report.pdf.milagro report.pdf" },
    {
      text: "To a group of people by what they are, except one",
      line: "milagro encrypt --policy 'region in {DE, FR} and clearance >= 3 and uid != \"milagro:acme/person/eve\"' -o plan.milagro plan.pdf",
    },
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
    const file = invocation.optionalArgument(0);
    const out = invocation.text("out");
    if (out !== undefined && file !== undefined && out === file)
      throw new MilagroError("ERR_USAGE", "input and output are the same file");
    const seal = await sealer(context, invocation);
    const { label, source } = counted("encrypting", inputStream(context.io, file));
    await context.progress(
      label,
      writeStream(context.io, out, seal(source), { force: invocation.flag("force"), binary: true }),
    );
    return undefined;
  },
};

type Sealer = (source: ByteStream) => AsyncGenerator<Uint8Array, void>;

/** Everything that can be wrong with the arguments is found out here, before anything is read. */
async function sealer(context: Context, invocation: Invocation): Promise<Sealer> {
  const texts = [...invocation.list("recipient"), ...invocation.list("to")];
  const policyText = invocation.text("policy");
  const pairs = invocation.list("attribute");
  if ([texts.length > 0, policyText !== undefined, pairs.length > 0].filter(Boolean).length > 1)
    throw new MilagroError("ERR_USAGE", "recipients, --policy and -a exclude each other: name one of them");
  const whole = texts.find((text) => text.startsWith("milagro:"));
  const domain = await openDomain(context, whole === undefined ? undefined : parseIdentity(whole));
  const given = invocation.integer("epoch", { min: 0, max: Number.MAX_SAFE_INTEGER });
  const epoch =
    given === undefined ? epochAt(systemClock(), domain.epochSeconds) : given === 0 ? NO_EXPIRY : (given as Epoch);
  const deps = { engine: await engineOf(), random: systemRandom, domain, aead: nodeAead };
  const opens = invocation.text("opensAt");
  if (policyText !== undefined || pairs.length > 0) {
    if (opens !== undefined) throw new MilagroError("ERR_USAGE", "--opens-at goes with recipients only");
    const schema = await keptSchema(context, domain);
    if (policyText === undefined) {
      const attributes = attributesOf(schema, parseAttributePairs(schema, pairs));
      return (source) => encryptFileToAttributes(deps, attributes, epoch, source);
    }
    const policy = parsePolicyText(context, policyText, schema);
    return (source) => encryptFileToPolicy(deps, policy, epoch, source);
  }
  const opensAt = parseOpensAt(context, opens, domain.epochSeconds);
  const recipients = opensAt !== undefined && texts.length === 0 ? [] : parseRecipients(texts, domain.name);
  return (source) => encryptFile(deps, recipients, epoch, source, opensAt);
}
