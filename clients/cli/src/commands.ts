/**
 * Every command there is, in the order of the help.
 * @module
 */
import type { CommandNode } from "./command.ts";
import { audit } from "./commands/audit.ts";
import { completion } from "./commands/completion.ts";
import { decrypt } from "./commands/decrypt.ts";
import { dev } from "./commands/dev.ts";
import { domain } from "./commands/domain.ts";
import { dta } from "./commands/dta.ts";
import { encrypt } from "./commands/encrypt.ts";
import { endpoint } from "./commands/endpoint.ts";
import { enrol } from "./commands/enrol.ts";
import { identity } from "./commands/identity.ts";
import { kms } from "./commands/kms.ts";
import { run } from "./commands/run.ts";
import { secret } from "./commands/secret.ts";
import { sign } from "./commands/sign.ts";
import { status } from "./commands/status.ts";
import { verify } from "./commands/verify.ts";

export const COMMANDS: readonly CommandNode[] = [
  dev,
  dta,
  domain,
  kms,
  enrol,
  identity,
  secret,
  run,
  endpoint,
  encrypt,
  decrypt,
  sign,
  verify,
  status,
  audit,
  completion,
];
