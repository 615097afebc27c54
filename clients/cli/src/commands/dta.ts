/**
 * `milagro dta …`: one Distributed Trust Authority, as its operator runs it.
 * @module
 */
import type { CommandGroup } from "../command.ts";
import { dtaApprove } from "./dta-approve.ts";
import { dtaDeny } from "./dta-deny.ts";
import { dtaGiveUp } from "./dta-give-up.ts";
import { dtaInit } from "./dta-init.ts";
import { dtaPassphrase } from "./dta-passphrase.ts";
import { dtaPolicy } from "./dta-policy.ts";
import { dtaSeal, dtaUnseal } from "./dta-seal.ts";
import { dtaServe } from "./dta-serve.ts";
import { dtaStatus } from "./dta-status.ts";
import { dtaTakeOver } from "./dta-take-over.ts";
import { dtaToken } from "./dta-token.ts";

export const dta: CommandGroup = {
  name: "dta",
  summary: "run a Distributed Trust Authority",
  commands: [
    dtaInit,
    dtaServe,
    dtaStatus,
    dtaUnseal,
    dtaSeal,
    dtaPassphrase,
    dtaApprove,
    dtaGiveUp,
    dtaTakeOver,
    dtaPolicy,
    dtaToken,
    dtaDeny,
  ],
};
