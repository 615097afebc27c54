/**
 * `milagro domain propose`: writes the proposal that every operator approves before any key is shown.
 * @module
 */
import { apiUrl, callJson } from "@milagro/client/json-call";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import { ceremonyIdOf, encodeCeremonyProposal, parseCeremonyProposal } from "@milagro/protocol/ceremony-messages";
import { parseDtaStatus } from "@milagro/protocol/dta-messages";
import { systemRandom } from "@milagro/runtime/random";
import type { CommandSpec } from "../command.ts";
import { writeTextFile } from "../files.ts";
import { withHttp } from "../ports.ts";

export const domainPropose: CommandSpec = {
  name: "propose",
  summary: "write the proposal of a new domain",
  details:
    "Asks each D-TA for its name, operator and jurisdiction. The order of --dta is the order of the members.\nTreat the file as confidential until the domain is founded: whoever has it can disturb the ceremony.",
  arguments: [["<name>", "name of the domain, DNS-like: acme or example.org"]],
  options: [
    { flags: "--dta <url>", text: "public address of a member; once for each", many: true },
    { flags: "--epoch <seconds>", text: "length of an epoch: how long a revoked key lives", default: "86400" },
    { flags: "--kms <url>", text: "where the domain's D-KMS will be" },
    { flags: "--bus <url>", text: "where its message bus will be" },
    { flags: "-o, --out <file>", text: "file to write", default: "proposal.json" },
  ],
  examples: [
    {
      text: "Three authorities and a D-KMS on this machine",
      line: "milagro domain propose acme --dta http://127.0.0.1:7101 --dta http://127.0.0.1:7102 --dta http://127.0.0.1:7103 \\\n  --kms milagro://127.0.0.1:7400 --bus milagro://127.0.0.1:7401",
    },
  ],
  async run({ io, progress }, invocation) {
    const urls = invocation.list("dta");
    if (urls.length === 0) throw new MilagroError("ERR_USAGE", "--dta is needed, once for each member");
    const kms = invocation.text("kms");
    const bus = invocation.text("bus");
    if (bus !== undefined && kms === undefined) throw new MilagroError("ERR_USAGE", "--bus needs --kms");
    const statuses = await progress(
      "asking the D-TAs who they are",
      withHttp((http) =>
        Promise.all(
          urls.map((url) =>
            callJson(http, { method: "GET", url: apiUrl(url, "/v1/dta"), idempotent: true }, parseDtaStatus),
          ),
        ),
      ),
    );
    const proposal = parseCeremonyProposal({
      v: 1,
      name: invocation.argument(0),
      epochSeconds: invocation.integer("epoch", { min: 60, max: 31_622_400 }) ?? 86_400,
      members: statuses.map(({ name, operator, jurisdiction }, i) => ({
        index: i + 1,
        name,
        operator,
        jurisdiction,
        url: urls[i],
      })),
      ...(kms === undefined ? {} : { kms: { url: kms, ...(bus === undefined ? {} : { busUrl: bus }) } }),
      nonce: encodeBase64url(systemRandom(16)),
    });
    const text = `${JSON.stringify(encodeCeremonyProposal(proposal), null, 2)}\n`;
    const file = await writeTextFile(io, invocation.required("out"), text, 0o600);
    const ceremonyId = encodeBase64url(ceremonyIdOf(proposal));
    return {
      data: {
        file,
        ceremonyId,
        members: statuses.map(({ name, operator, jurisdiction }) => ({ name, operator, jurisdiction })),
      },
      view: {
        kind: "fields",
        fields: [
          ["proposal", file],
          ["ceremony", ceremonyId],
          ...statuses.map(
            ({ name, operator, jurisdiction }, i) =>
              [`member ${i + 1}`, `${name} (${operator}, ${jurisdiction})`] as const,
          ),
        ],
      },
    };
  },
};
