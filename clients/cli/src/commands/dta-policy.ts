/**
 * `milagro dta policy`: whom this D-TA issues keys to, on what evidence. Nothing matches: refused.
 * @module
 */
import { parseIdentityPattern } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { EVIDENCE_TYPES, type EvidenceType } from "@milagro/protocol/issuance-messages";
import { parseRuleUsage, RULE_USAGES } from "@milagro/protocol/key-usage";
import {
  encodeIssuancePolicy,
  type IssuancePolicy,
  type IssuanceRule,
  parseIssuancePolicy,
} from "@milagro/protocol/policy";
import type { CommandSpec, Invocation } from "../command.ts";
import { readJsonFile } from "../files.ts";
import { callAdmin, DTA_HOME, dtaHome } from "./dta-admin.ts";

export const dtaPolicy: CommandSpec = {
  name: "policy",
  summary: "show or change whom a D-TA issues keys to",
  details:
    "A new D-TA issues to nobody. --allow adds one rule; --login-server lets a login server approve further devices of its users;\n--set replaces the whole policy.",
  options: [
    DTA_HOME,
    { flags: "--set <file>", text: "replace the policy with this file (- for stdin)" },
    { flags: "--allow <identity>", text: "add a rule for an identity or pattern; may be repeated", many: true },
    { flags: "--usages <list>", text: `with --allow: what for: ${RULE_USAGES.join(", ")}`, default: "enc,sig" },
    {
      flags: "--evidence <list>",
      text: `with --allow: on what evidence: ${EVIDENCE_TYPES.join(", ")}`,
      default: "join-token,renewal",
    },
    { flags: "--ahead <epochs>", text: "with --allow: how far in the future a key may lie", default: "1" },
    { flags: "--back <epochs>", text: "with --allow: how far in the past an enc key may lie", default: "30" },
    { flags: "--login-server <service>", text: "approvals by the login server of this service count as evidence" },
    { flags: "--login-key <x>", text: "with --login-server: its approval key, the x of the Ed25519 JWK" },
  ],
  examples: [
    { text: "Show it", line: "milagro dta policy --home dta-1" },
    {
      text: "Let endpoints enrol by token and renew by themselves",
      line: "milagro dta policy --home dta-1 --allow 'milagro:acme/endpoint/**'",
    },
    {
      text: "Let people enrol devices for a login by e-mail and by another device, and give those devices time permits",
      line: "milagro dta policy --home dta-1 --allow 'milagro:acme/mpin/login.acme.example/*/*' --usages mpin,sig,permit --evidence email-code,device,join-token",
    },
    {
      text: "Let the login server collect its secret",
      line: "milagro dta policy --home dta-1 --allow milagro:acme/mpin-server/login.acme.example --usages mpin-server --evidence join-token",
    },
    {
      text: "Take that server's word, with the key that `milagro auth init` has printed",
      line: "milagro dta policy --home dta-1 --login-server login.acme.example --login-key 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    },
    { text: "Replace it", line: "milagro dta policy --home dta-1 --set policy.json" },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const home = dtaHome(context, invocation);
    const file = invocation.text("set");
    const patterns = invocation.list("allow");
    const server = invocation.text("loginServer");
    if ([file !== undefined, patterns.length > 0, server !== undefined].filter(Boolean).length > 1)
      throw new MilagroError("ERR_USAGE", "--set, --allow and --login-server exclude each other");
    let policy = await callAdmin(home, { path: "/v1/policy" }, parseIssuancePolicy);
    const next =
      file !== undefined
        ? await readJsonFile(context.io, file, parseIssuancePolicy)
        : patterns.length > 0
          ? withRule(policy, patterns, invocation)
          : server !== undefined
            ? withLoginServer(policy, server, invocation)
            : undefined;
    if (next) {
      policy = await callAdmin(
        home,
        { method: "PUT", path: "/v1/policy", body: encodeIssuancePolicy(next) },
        parseIssuancePolicy,
      );
    }
    return {
      data: encodeIssuancePolicy(policy),
      view: {
        kind: "rows",
        columns: ["identities", "usages", "evidence", "epochs"],
        rows: policy.rules.map((rule) => [
          rule.identities.join(" "),
          rule.usages.join(","),
          rule.evidence.join(","),
          `-${rule.maxEpochsBack} … +${rule.maxEpochsAhead}`,
        ]),
        empty: "no rules: this D-TA issues to nobody",
      },
    };
  },
};

function withRule(policy: IssuancePolicy, patterns: readonly string[], invocation: Invocation): IssuancePolicy {
  const rule: IssuanceRule = {
    identities: patterns.map(parseIdentityPattern),
    usages: invocation.required("usages").split(",").map(parseRuleUsage),
    evidence: invocation.required("evidence").split(",").map(parseEvidenceType),
    maxEpochsAhead: invocation.integer("ahead", { min: 0, max: 366 }) ?? 1,
    maxEpochsBack: invocation.integer("back", { min: 0, max: 3660 }) ?? 30,
  };
  return { ...policy, version: policy.version + 1, rules: [...policy.rules, rule] };
}

/** One key for each service: a newer one takes the place of the older. */
function withLoginServer(policy: IssuancePolicy, service: string, invocation: Invocation): IssuancePolicy {
  const publicKey = { kty: "OKP", crv: "Ed25519", x: invocation.required("loginKey") } as const;
  const others = policy.loginServers?.filter(({ name }) => name !== service) ?? [];
  const next = {
    ...encodeIssuancePolicy(policy),
    version: policy.version + 1,
    loginServers: [...others, { name: service, publicKey, services: [service] }],
  };
  return parseIssuancePolicy(next);
}

function parseEvidenceType(text: string): EvidenceType {
  const known = EVIDENCE_TYPES.find((type) => type === text);
  if (!known) throw new MilagroError("ERR_USAGE", `evidence is one of: ${EVIDENCE_TYPES.join(", ")}`);
  return known;
}
