/**
 * `milagro verify`: checks a detached signature.
 * @module
 */
import { verifyFileSignature } from "@milagro/client/file-signature";
import { matchesIdentity, parseIdentityPattern } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { parseFileSignature } from "@milagro/protocol/file-signature";
import { digestStream, inputStream } from "../byte-streams.ts";
import type { CommandSpec } from "../command.ts";
import { readJsonFile } from "../files.ts";
import { DOMAIN_OPTION } from "../options.ts";
import { engineOf, openDomain } from "../session.ts";

export const verify: CommandSpec = {
  name: "verify",
  summary: "check who signed a file",
  details: "Offline. Without --by any identity of the pinned domain will do: look at what is printed.",
  arguments: [["[file]", "the signed file; stdin by default"]],
  options: [
    { flags: "-s, --signature <file>", text: "the signature" },
    { flags: "--by <identity>", text: "whose it must be: an identity or a pattern; may be repeated", many: true },
    DOMAIN_OPTION,
  ],
  examples: [
    {
      text: "A release, by whoever releases",
      line: "milagro verify -s release.tar.sig --by 'milagro:acme/person/*' release.tar",
    },
  ],
  async run(context, invocation) {
    const signed = await readJsonFile(context.io, invocation.required("signature"), parseFileSignature);
    const patterns = invocation.list("by").map(parseIdentityPattern);
    const domain = await openDomain(context, signed.identity);
    const digest = await context.progress(
      "reading",
      digestStream(inputStream(context.io, invocation.optionalArgument(0))),
    );
    if (!verifyFileSignature(await engineOf(), domain, signed, digest)) {
      throw new MilagroError("ERR_SIGNATURE_INVALID", "this is not the signature of this file");
    }
    if (patterns.length > 0 && !patterns.some((pattern) => matchesIdentity(pattern, signed.identity))) {
      throw new MilagroError(
        "ERR_AUTHOR_REFUSED",
        `the signature is right, but ${signed.identity} is not one of those you named`,
      );
    }
    const time = new Date(signed.time * 1000).toISOString().replace(".000Z", "Z");
    return {
      data: { valid: true, identity: signed.identity, epoch: signed.epoch, time: signed.time },
      view: {
        kind: "fields",
        fields: [
          ["signed by", signed.identity],
          ["epoch", String(signed.epoch)],
          ["at", `${time}, as the signer says`],
        ],
      },
    };
  },
};
