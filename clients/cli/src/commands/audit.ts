/**
 * `milagro audit verify`: walks an audit log's hash chain and checks the head that its D-TA has signed.
 * @module
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { apiUrl, callJson } from "@milagro/client/json-call";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { verifyStatement } from "@milagro/crypto/bls";
import { equalBytes } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { encodeLogHead, type LogHead, parseLogHead } from "@milagro/protocol/dta-messages";
import { statementBytes } from "@milagro/protocol/statement";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import type { AuditEntry, SignedAuditHead } from "@milagro/runtime/audit-log";
import { verifyAuditLog } from "@milagro/runtime/audit-verify";
import { systemClock } from "@milagro/runtime/clock";
import { systemRandom } from "@milagro/runtime/random";
import { areOfLoginServer, type LoginServerKey, signerOfHeads } from "../audit-heads.ts";
import { entriesAtUrl, openLog } from "../audit-source.ts";
import type { CommandGroup, CommandSpec, Context } from "../command.ts";
import { DOMAIN_OPTION } from "../options.ts";
import type { Result } from "../output.ts";
import { withHttp } from "../ports.ts";
import { engineOf, openDomain } from "../session.ts";

const auditVerify: CommandSpec = {
  name: "verify",
  summary: "check that an audit log is whole and was not rewritten",
  details:
    "A folder or file is read directly, also while the service runs: its pages, the hash chain, and the heads that the service signed and kept,\nwith the keys of the pinned domain where there is one. Of a URL, the public log of a D-TA is fetched and its signed head checked. Give\n--head for one you kept: whoever rewrites the log contradicts it. Exit status 0 when the log is whole, 1 when it is not or cannot be read,\n2 when a URL does not answer or its head is not signed by its D-TA.",
  arguments: [["<source>", "the folder of a D-TA, D-KMS or login server, a database file, or the URL of a D-TA"]],
  options: [
    {
      flags: "--head <index:hash>",
      text: "a head you saw earlier, from a receipt or this command; may be repeated",
      many: true,
    },
    {
      flags: "--login-key <service:key>",
      text: "a login server's service and approval key, as its init printed it: whose heads are to be believed",
    },
    DOMAIN_OPTION,
  ],
  examples: [
    { text: "Your own D-TA", line: "milagro audit verify dta-1" },
    {
      text: "Somebody else's, against a receipt you kept",
      line: "milagro audit verify https://dta.example.org --head 17:Zm9v…",
    },
  ],
  async run(context, invocation) {
    const source = invocation.argument(0);
    const kept = invocation.list("head").map(parseHead);
    const login = parseLoginKey(invocation.text("loginKey"));
    if (!/^https?:\/\//.test(source)) {
      const file = databaseIn(resolve(context.io.cwd, source));
      const log = openLog(file);
      try {
        const found = await context.progress("reading the log", walk(log.entries, [...kept, ...log.heads]));
        // The service's own heads may show that the log is wrong. That it is right is only shown by what was kept elsewhere.
        const vouched = Math.max(0, ...kept.map(({ index }) => index));
        if (!found.ok) return verdict(file, found);
        const heads = await context.progress("checking the signed heads", headsIn(context, log.heads, login));
        return verdict(file, { ...found, signedUpTo: vouched }, heads);
      } finally {
        log.close();
      }
    }
    const domain = await openDomain(context);
    return withHttp(async (http) => {
      await http.through({ engine: await engineOf(), random: systemRandom, clock: systemClock, domain });
      const head = await callJson(
        http,
        { method: "GET", url: apiUrl(source, "/v1/log/head"), idempotent: true },
        parseLogHead,
      );
      await checkHead(domain, head);
      const heads = [...kept, { index: head.index, hash: head.hash }];
      return verdict(source, await context.progress("fetching the log", walk(entriesAtUrl(http, source), heads)));
    });
  },
};

type Head = Pick<SignedAuditHead, "index" | "hash">;

function walk(entries: AsyncIterable<AuditEntry> | Iterable<AuditEntry>, heads: readonly Head[]) {
  // Signatures have been checked where there are any; what a person kept needs none.
  const trusted = heads.map((head) => ({ ...head, time: 0, signature: new Uint8Array(0) }));
  return verifyAuditLog({ entries, heads: trusted, verifySignature: () => true });
}

interface HeadsSeen {
  readonly count: number;
  readonly newest: number;
  readonly signedBy?: string;
  /** Why the signatures were not checked. */
  readonly unchecked?: string;
}

/** Without the pinned domain nobody knows whose signatures these should be; the log itself can be checked all the same. */
async function headsIn(
  context: Context,
  heads: readonly SignedAuditHead[],
  login: LoginServerKey | undefined,
): Promise<HeadsSeen> {
  const seen = { count: heads.length, newest: heads.at(-1)?.index ?? 0 };
  if (heads.length === 0) return seen;
  if (areOfLoginServer(heads) && !login)
    return { ...seen, unchecked: "a login server's approval key is given with --login-key" };
  let domain: TrustDomain;
  try {
    domain = await openDomain(context);
  } catch (error) {
    if (!(error instanceof MilagroError) || error.code !== "ERR_DOMAIN_UNKNOWN" || context.settings.domain) throw error;
    return { ...seen, unchecked: error.message };
  }
  return { ...seen, signedBy: signerOfHeads(await engineOf(), systemRandom, domain, heads, login) };
}

function describeHeads({ count, newest, signedBy, unchecked }: HeadsSeen): string {
  if (count === 0) return "none";
  const what = `${count}, the newest at entry ${newest}: `;
  return what + (unchecked === undefined ? `all signed by ${signedBy}` : `signatures not checked, ${unchecked}`);
}

function verdict(source: string, found: Awaited<ReturnType<typeof verifyAuditLog>>, heads?: HeadsSeen): Result {
  if (!found.ok) {
    throw new MilagroError(
      "ERR_AUDIT_CORRUPT",
      `${source}: from entry ${found.index} on the log cannot be trusted (${found.fault})`,
    );
  }
  const head = `${found.index}:${encodeBase64url(found.hash)}`;
  return {
    data: {
      source,
      ok: true,
      entries: found.index,
      head,
      ...(heads ? { heads: { ...heads } } : {}),
      vouchedUpTo: found.signedUpTo,
    },
    view: {
      kind: "fields",
      fields: [
        ["log", source],
        ["whole", `yes, ${found.index} entries`],
        ["head", head],
        ...(heads ? [["heads kept in it", describeHeads(heads)] as const] : []),
        [
          "vouched for",
          found.signedUpTo === 0
            ? "by nobody outside: keep the head and give it next time"
            : `up to entry ${found.signedUpTo}`,
        ],
      ],
    },
  };
}

async function checkHead(domain: TrustDomain, head: LogHead): Promise<void> {
  const authority = domain.authorities[head.authority - 1];
  if (!authority || !equalBytes(head.domainId, domain.domainId)) {
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "this log belongs to no D-TA of the pinned domain");
  }
  const { signature: _, ...body } = encodeLogHead(head);
  if (
    !verifyStatement(
      await engineOf(),
      authority.publicShares.statement,
      statementBytes("log-head", body),
      head.signature,
    )
  ) {
    throw new MilagroError("ERR_SIGNATURE_INVALID", `the head of the log is not signed by D-TA ${head.authority}`);
  }
}

function parseHead(text: string): Head {
  const [, index, hash] = /^(\d{1,15}):([A-Za-z0-9_-]{43})$/.exec(text) ?? [];
  if (index === undefined || hash === undefined)
    throw new MilagroError("ERR_USAGE", "a head is written index:hash, as this command prints it");
  return { index: Number(index), hash: new Uint8Array(Buffer.from(hash, "base64url")) };
}

function parseLoginKey(text: string | undefined): LoginServerKey | undefined {
  if (text === undefined) return undefined;
  const [, service, key] = /^([a-z0-9][a-z0-9.-]{0,62}):([A-Za-z0-9_-]{43})$/.exec(text) ?? [];
  if (service === undefined || key === undefined)
    throw new MilagroError("ERR_USAGE", "a login server's key is written service:key, with the x of its approval key");
  return { service, key: new Uint8Array(Buffer.from(key, "base64url")) };
}

function databaseIn(path: string): string {
  const names = ["dta.sqlite", "kms.sqlite", "auth.sqlite"];
  const candidates = names.map((name) => join(path, name)).filter((file) => existsSync(file));
  if (candidates[0] !== undefined) return candidates[0];
  if (existsSync(path)) return path;
  throw new MilagroError("ERR_FILE_MISSING", `${path}: there is no such folder or file`);
}

export const audit: CommandGroup = { name: "audit", summary: "audit logs", commands: [auditVerify] };
