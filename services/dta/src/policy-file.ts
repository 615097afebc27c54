/**
 * The issuance policy: `<home>/policy.json`, read at start and replaced over the admin socket. What is in force is what was read last; a file that
 * does not parse keeps the D-TA from starting, because guessing a policy is worse than not serving.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { checkAttributePolicy } from "@milagro/protocol/attribute-policy";
import { hashCanonical } from "@milagro/protocol/canonical";
import { encodeIssuancePolicy, type IssuancePolicy, parseIssuancePolicy } from "@milagro/protocol/policy";
import { parseJson } from "@milagro/protocol/wire";
import { readFileLimited, writeFileAtomic } from "@milagro/runtime/atomic-file";
import { checkPlainTarget } from "@milagro/runtime/plain";

const MAX_BYTES = 4 * 1_048_576;

/** Nobody gets anything. */
export const EMPTY_POLICY: IssuancePolicy = { v: 1, version: 0, rules: [], registrars: [], oidc: [], denied: [] };

export interface PolicyFile {
  readonly current: IssuancePolicy;
  /** @throws `ERR_ATTRIBUTE_INVALID` and others for attributes that its schema does not allow; `ERR_PLAIN_REFUSED` for a provider's keys over plain HTTP; `ERR_VERSION_CONFLICT` unless its version is higher than the present one: receipts name the version they were decided under */
  check(policy: IssuancePolicy): void;
  /** Writes the file, then takes it into force. @throws as `check`, and when the file cannot be written: then the old one stays in force */
  replace(policy: IssuancePolicy): Promise<void>;
}

/** @throws `ERR_CONFIG_INVALID` naming what is wrong with the file */
export async function openPolicyFile(path: string): Promise<PolicyFile> {
  let current = await readPolicy(path);
  const check = (policy: IssuancePolicy): void => {
    checkAttributePolicy(policy.attributes);
    checkProviders(policy);
    if (policy.version > current.version) return;
    throw new MilagroError(
      "ERR_VERSION_CONFLICT",
      `the policy in force has version ${current.version}; give the new one a higher one`,
    );
  };
  return {
    get current() {
      return current;
    },
    check,
    replace: async (policy) => {
      check(policy);
      await writePolicy(path, policy);
      current = policy;
    },
  };
}

/** Whoever could change an OpenID provider's keys on their way could enrol as anybody it speaks for. @throws `ERR_PLAIN_REFUSED` */
function checkProviders({ oidc }: IssuancePolicy): void {
  for (const { jwksUrl } of oidc) checkPlainTarget("the OpenID provider", new URL(jwksUrl));
}

/** What the audit log says of a policy: SHA-256 of its canonical JSON. */
export const hashPolicy = (policy: IssuancePolicy): Uint8Array => hashCanonical(encodeIssuancePolicy(policy));

export function writePolicy(path: string, policy: IssuancePolicy): Promise<void> {
  return writeFileAtomic(path, new TextEncoder().encode(`${JSON.stringify(encodeIssuancePolicy(policy), null, 2)}\n`));
}

async function readPolicy(path: string): Promise<IssuancePolicy> {
  try {
    const policy = parseIssuancePolicy(
      parseJson(new TextDecoder("utf-8", { fatal: true }).decode(await readFileLimited(path, MAX_BYTES))),
    );
    checkAttributePolicy(policy.attributes);
    checkProviders(policy);
    return policy;
  } catch (cause) {
    const what = cause instanceof MilagroError ? cause.message : "not UTF-8 text";
    throw new MilagroError("ERR_CONFIG_INVALID", `policy.json: ${what}`, { cause });
  }
}
