/**
 * `milagro attributes …`: attribute keys of an identity, and the schema they are issued by.
 * @module
 */
import type { CommandGroup } from "../command.ts";
import { attributesRequest } from "./attributes-request.ts";
import { attributesSchema } from "./attributes-schema.ts";
import { attributesShow } from "./attributes-show.ts";

export const attributes: CommandGroup = {
  name: "attributes",
  summary: "attribute keys, and the attribute schema of a domain",
  commands: [attributesRequest, attributesShow, attributesSchema],
};
