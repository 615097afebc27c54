/**
 * `milagro dta deny`: stop issuing to an identity, list who is denied, lift it. One D-TA's denial is enough.
 * @module
 */
import { parseIdentityPattern } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { encodeDenyRequest, parseDenyList, parseDone } from "@milagro/protocol/dta-messages";
import type { CommandSpec } from "../command.ts";
import { callAdmin, DTA_HOME, dtaHome } from "./dta-admin.ts";

export const dtaDeny: CommandSpec = {
  name: "deny",
  summary: "revoke: stop issuing keys to an identity",
  details:
    "Keys that were issued stay good until their epoch ends. Without an identity, lists who is denied.\nThis D-TA alone suffices: no other one can replace its share.",
  arguments: [["[identity]", "the identity, or a pattern"]],
  options: [DTA_HOME, { flags: "--reason <text>", text: "for the log" }, { flags: "--lift", text: "issue again" }],
  examples: [
    {
      text: "A stolen laptop",
      line: 'milagro dta deny --home dta-1 milagro:acme/endpoint/laptop-7 --reason "reported stolen"',
    },
    { text: "Who is denied", line: "milagro dta deny --home dta-1" },
    { text: "Found again", line: "milagro dta deny --home dta-1 milagro:acme/endpoint/laptop-7 --lift" },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const home = dtaHome(context, invocation);
    const text = invocation.optionalArgument(0);
    if (text === undefined) {
      if (invocation.flag("lift")) throw new MilagroError("ERR_USAGE", "--lift needs an identity");
      const { denied } = await callAdmin(home, { path: "/v1/deny" }, parseDenyList);
      return {
        data: denied.map(({ pattern, reason, time }) => ({ pattern, reason, time })),
        view: {
          kind: "rows",
          columns: ["identity", "since", "reason"],
          rows: denied.map(({ pattern, reason, time }) => [pattern, new Date(time * 1000).toISOString(), reason ?? ""]),
          empty: "nobody is denied",
        },
      };
    }
    const pattern = parseIdentityPattern(text);
    const reason = invocation.text("reason");
    const lift = invocation.flag("lift");
    const body = encodeDenyRequest({ v: 1, pattern, ...(reason === undefined ? {} : { reason }) });
    await callAdmin(home, { method: lift ? "DELETE" : "POST", path: "/v1/deny", body }, parseDone);
    return {
      data: { pattern, denied: !lift },
      view: { kind: "text", text: lift ? `${pattern} is no longer denied here` : `${pattern} gets no more keys here` },
    };
  },
};
