/**
 * `milagro dta token`: one-time join tokens, the simplest evidence.
 * @module
 */
import { parseIdentityPattern } from "@milagro/crypto/identity";
import { encodeJoinTokenRequest, parseJoinTokenIssued } from "@milagro/protocol/dta-messages";
import { KEY_USAGES, parseKeyUsage } from "@milagro/protocol/key-usage";
import type { CommandSpec } from "../command.ts";
import { callAdmin, DTA_HOME, dtaHome } from "./dta-admin.ts";

export const dtaToken: CommandSpec = {
  name: "token",
  summary: "make a one-time join token for an identity",
  details:
    "The token is printed once and kept by the D-TA as a hash. Whoever holds one of every D-TA can enrol as the identity:\ngive it to its owner over a channel you trust.",
  arguments: [["<identity>", "the identity, or a pattern such as milagro:acme/endpoint/*"]],
  options: [
    DTA_HOME,
    { flags: "--usages <list>", text: `what keys it may be used for: ${KEY_USAGES.join(", ")}`, default: "enc,sig" },
    { flags: "--ttl <seconds>", text: "how long it is good for", default: "3600" },
  ],
  examples: [
    {
      text: "One token of each of three D-TAs, into a file only you can read",
      line: "umask 077; for n in 1 2 3; do milagro dta token --home dta-$n milagro:acme/endpoint/web-1; done > tokens",
    },
    {
      text: "An activation code for a person's first device, good for a day",
      line: "milagro dta token --home dta-1 'milagro:acme/mpin/login.acme.example/bob/*' --usages mpin,sig --ttl 86400",
    },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const body = encodeJoinTokenRequest({
      v: 1,
      identities: parseIdentityPattern(invocation.argument(0)),
      usages: invocation.required("usages").split(",").map(parseKeyUsage),
      ttlSeconds: invocation.integer("ttl", { min: 1, max: 31_622_400 }) ?? 3600,
      uses: 1,
    });
    const issued = await callAdmin(
      dtaHome(context, invocation),
      { method: "POST", path: "/v1/join-tokens", body },
      parseJoinTokenIssued,
    );
    return {
      data: { id: issued.id, token: issued.token, expires: issued.expires },
      view: { kind: "text", text: issued.token },
    };
  },
};
