/**
 * Who may do what: the decisions, pure, and the policy file they are made from.
 *
 * Three rules beyond the table of `core/protocol/policy`:
 * - Replacing what exists is allowed by the action itself or by `rotate`; a denial of either refuses it. So `rotate` alone
 *   lets a program renew a secret without being able to make a new one.
 * - Whoever a version was encapsulated to may read it without a rule: it is theirs. An explicit denial still wins.
 * - A listing shows only the paths whose names the caller may list.
 * @module
 */
import type { Identity } from "@milagro/crypto/identity";
import { matchesIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import {
  type AccessDecision,
  type AccessPolicy,
  type AccessRule,
  decideAccess,
  parseAccessPolicy,
} from "@milagro/protocol/policy";
import type { SecretPath } from "@milagro/protocol/secret-path";
import { isErrno, readFileLimited } from "@milagro/runtime/atomic-file";
import { errorFields, type Log } from "@milagro/runtime/log";

/** How a new version comes to be. */
export type WriteOperation = "put" | "import" | "generate" | "rotate";

const MAX_POLICY_BYTES = 1_048_576;

/** @param exists - whether the path holds a living secret now */
export function decideWrite(
  rules: readonly AccessRule[],
  identity: Identity,
  operation: WriteOperation,
  path: SecretPath,
  exists: boolean,
): AccessDecision {
  const own = decideAccess(rules, identity, operation, path);
  if (!exists || operation === "rotate") return own;
  const rotate = decideAccess(rules, identity, "rotate", path);
  for (const decision of [own, rotate]) if (decision.kind === "deny" && decision.rule !== undefined) return decision;
  return own.kind === "allow" ? own : rotate;
}

/** Whether this identity may store the next version of a path in any way. @param exists - as in `decideWrite` */
export function mayWriteSomehow(
  rules: readonly AccessRule[],
  identity: Identity,
  path: SecretPath,
  exists: boolean,
): boolean {
  const operations: readonly WriteOperation[] = exists
    ? ["put", "import", "generate", "rotate"]
    : ["put", "import", "generate"];
  return operations.some((operation) => decideWrite(rules, identity, operation, path, exists).kind === "allow");
}

/** @param recipients - of the version that is asked for */
export function decideRead(
  rules: readonly AccessRule[],
  identity: Identity,
  path: SecretPath,
  recipients: readonly string[],
): { readonly kind: "allow" } | AccessDecision {
  const decision = decideAccess(rules, identity, "read", path);
  const deniedByRule = decision.kind === "deny" && decision.rule !== undefined;
  return recipients.includes(identity) && !deniedByRule ? { kind: "allow" } : decision;
}

/** Whether this identity may list anything at all; which paths is decided one by one. */
export function mayListSomething(rules: readonly AccessRule[], identity: Identity): boolean {
  return rules.some(
    (rule) =>
      rule.effect === "allow" &&
      rule.actions.includes("list") &&
      rule.identities.some((pattern) => matchesIdentity(pattern, identity)),
  );
}

/** The policy in force. */
export interface PolicyHolder {
  readonly current: AccessPolicy;
  /**
   * Reads the file again. What does not parse is not taken: the policy in force stays, the fault is logged.
   * @returns whether the new policy is in force
   */
  reload(): Promise<boolean>;
}

const NOBODY: AccessPolicy = { v: 1, version: 0, rules: [] };

/**
 * A missing file is a policy that allows nothing: a D-KMS that has lost its policy refuses, it does not open up.
 * @throws `ERR_CONFIG_INVALID` when there is a file and it is not a policy
 */
export async function openPolicy(file: string, log: Log): Promise<PolicyHolder> {
  async function read(): Promise<AccessPolicy> {
    let bytes: Uint8Array;
    try {
      bytes = await readFileLimited(file, MAX_POLICY_BYTES);
    } catch (error) {
      if (isErrno(error, "ENOENT") || (error instanceof MilagroError && error.code === "ERR_FILE_MISSING"))
        return NOBODY;
      throw error;
    }
    let text: unknown;
    try {
      text = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      throw new MilagroError("ERR_CONFIG_INVALID", "the policy file is not JSON");
    }
    try {
      return parseAccessPolicy(text);
    } catch (cause) {
      const detail = cause instanceof MilagroError ? cause.message : "it cannot be read";
      throw new MilagroError("ERR_CONFIG_INVALID", `the policy file is refused: ${detail}`, { cause });
    }
  }

  let current = await read();
  log.info("policy loaded", { policyVersion: current.version, count: current.rules.length });
  if (current === NOBODY) log.warn("there is no policy file: everything is refused", { file });
  return {
    get current() {
      return current;
    },
    async reload() {
      try {
        current = await read();
      } catch (error) {
        log.error("policy not loaded, the old one stays in force", errorFields(error));
        return false;
      }
      log.info("policy loaded", { policyVersion: current.version, count: current.rules.length });
      return true;
    },
  };
}
