/**
 * `milagro domain …`: trust domains, from the proposal to the pin.
 * @module
 */
import type { CommandGroup } from "../command.ts";
import { domainFound } from "./domain-found.ts";
import { domainPropose } from "./domain-propose.ts";
import { domainProposeRotation } from "./domain-propose-rotation.ts";
import { domainRotate } from "./domain-rotate.ts";
import { domainShow } from "./domain-show.ts";
import { domainVerify } from "./domain-verify.ts";

export const domain: CommandGroup = {
  name: "domain",
  summary: "found, show and pin trust domains, rotate their mpin master",
  commands: [domainPropose, domainFound, domainShow, domainVerify, domainProposeRotation, domainRotate],
};
