/**
 * `milagro gateway …`: an encryption gateway, as its operator runs it, and reading without one.
 * @module
 */
import type { CommandGroup } from "../command.ts";
import { gatewayAccessKeys } from "./gateway-access-key.ts";
import { gatewayDecrypt } from "./gateway-decrypt.ts";
import { gatewayRotate, gatewayRotations } from "./gateway-rotate.ts";
import { gatewayServe } from "./gateway-serve.ts";

export const gateway: CommandGroup = {
  name: "gateway",
  summary: "an S3 endpoint whose store gets ciphertext only",
  commands: [gatewayServe, ...gatewayAccessKeys, gatewayRotate, gatewayRotations, gatewayDecrypt],
};
