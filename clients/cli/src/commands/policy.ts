/**
 * `milagro policy …`: policies over attributes, looked at before anything is encrypted. All offline.
 * @module
 */
import type { CommandGroup } from "../command.ts";
import { policyCheck } from "./policy-check.ts";
import { policyExplain } from "./policy-explain.ts";
import { policyFormat } from "./policy-format.ts";

export const policy: CommandGroup = {
  name: "policy",
  summary: "check, format and explain policies over attributes",
  commands: [policyExplain, policyCheck, policyFormat],
};
