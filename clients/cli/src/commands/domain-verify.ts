/**
 * `milagro domain verify`: checks a signed descriptor completely and pins the domain, or takes note of a newer descriptor.
 * @module
 */
import { apiUrl, callJson } from "@milagro/client/json-call";
import { firstSight, laterSight } from "@milagro/client/known-domain";
import { parseDomainId } from "@milagro/crypto/domain-id";
import { MilagroError } from "@milagro/engine/error";
import { parseSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { systemRandom } from "@milagro/runtime/random";
import type { CommandSpec } from "../command.ts";
import { readJsonFile } from "../files.ts";
import { withHttp } from "../ports.ts";
import { findKnownDomain, writeKnownDomain } from "../profile.ts";
import { engineOf } from "../session.ts";
import { describeDomain } from "./domain-view.ts";

export const domainVerify: CommandSpec = {
  name: "verify",
  summary: "check a domain's descriptor and pin it",
  details:
    "Checks every proof of possession, every signature and, with --pin, that it is the domain you mean. Once pinned, an older\ndescriptor or another domain of the same name is refused for ever.",
  arguments: [["<source>", "file, URL of any member or of the D-KMS, or - for stdin"]],
  options: [
    { flags: "--pin <id>", text: "the domain id, as its operators published it" },
    { flags: "--no-store", text: "only check" },
  ],
  examples: [
    {
      text: "Pin a domain whose id you have from its operators",
      line: "milagro domain verify https://dta.example.org --pin pGfX…",
    },
    { text: "Check a file, change nothing", line: "milagro domain verify acme.json --no-store" },
  ],
  async run({ io, settings, progress, note }, invocation) {
    const source = invocation.argument(0);
    const signed = isUrl(source)
      ? await progress(
          "fetching the descriptor",
          withHttp((http) =>
            callJson(
              http,
              { method: "GET", url: apiUrl(source, "/v1/descriptor"), idempotent: true },
              parseSignedDescriptor,
            ),
          ),
        )
      : await readJsonFile(io, source, parseSignedDescriptor);
    const pinText = invocation.text("pin");
    const pin = pinText === undefined ? undefined : parseDomainId(pinText);
    const engine = await engineOf();
    const earlier = await findKnownDomain(settings.home, signed.descriptor.name);
    if (earlier && pin && !sameBytes(earlier.pin, pin)) {
      throw new MilagroError(
        "ERR_DESCRIPTOR_PIN",
        `another domain named ${signed.descriptor.name} is pinned in ${settings.home}`,
      );
    }
    const { known, domain } = earlier
      ? laterSight(engine, systemRandom, earlier, signed)
      : signed.descriptor.sequence > 0 && isUrl(source)
        ? laterSight(engine, systemRandom, firstSight(engine, systemRandom, await genesisAt(source), pin).known, signed)
        : firstSight(engine, systemRandom, signed, pin);
    if (!invocation.negated("store")) await writeKnownDomain(settings.home, known);
    if (!earlier && !pin) note("First sight: compare the domain id with one that you have over another channel.");
    return describeDomain(domain);
  },
};

const isUrl = (source: string): boolean => /^https?:\/\//.test(source);

/** The first descriptor, by which a D-TA's later one is believed. */
const genesisAt = (url: string): Promise<SignedDescriptor> =>
  withHttp((http) =>
    callJson(http, { method: "GET", url: apiUrl(url, "/v1/descriptors/0"), idempotent: true }, parseSignedDescriptor),
  );

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
