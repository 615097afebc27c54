/**
 * `milagro dta status`: what a D-TA says about itself, to its operator or to anybody.
 * @module
 */

import { apiUrl, callJson } from "@milagro/client/json-call";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { formatDomainId } from "@milagro/crypto/domain-id";
import { encodeDtaStatus, parseDtaStatus } from "@milagro/protocol/dta-messages";
import type { CommandSpec } from "../command.ts";
import { withHttp } from "../ports.ts";
import { callAdmin, DTA_HOME, dtaHome } from "./dta-admin.ts";

export const dtaStatus: CommandSpec = {
  name: "status",
  summary: "show a D-TA's state: sealed or not, domains, log",
  options: [DTA_HOME, { flags: "--url <url>", text: "ask the public API instead" }],
  examples: [
    { text: "Your own D-TA", line: "milagro dta status --home dta-1" },
    { text: "Somebody else's", line: "milagro dta status --url http://127.0.0.1:7102" },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const url = invocation.text("url");
    const status = await (url === undefined
      ? callAdmin(dtaHome(context, invocation), { path: "/v1/status" }, parseDtaStatus)
      : withHttp((http) =>
          callJson(http, { method: "GET", url: apiUrl(url, "/v1/dta"), idempotent: true }, parseDtaStatus),
        ));
    return {
      data: encodeDtaStatus(status),
      view: {
        kind: "fields",
        fields: [
          ["name", status.name],
          ["operator", status.operator],
          ["jurisdiction", status.jurisdiction],
          ["software", status.software],
          ["sealed", status.sealed ? "yes" : "no"],
          ...status.domains.map(
            ({ name, domainId, index }) => ["domain", `${name}, member ${index}, ${formatDomainId(domainId)}`] as const,
          ),
          ...status.domains.flatMap(({ signed }) =>
            signed === undefined ? [] : [["signed, not adopted", `descriptor ${signed}`] as const],
          ),
          ["log entries", String(status.log.index)],
          ["log head", encodeBase64url(status.log.hash)],
        ],
      },
    };
  },
};
