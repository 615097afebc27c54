/**
 * Policies on the command line, and where exactly one is wrong.
 * @module
 */
import type { AttributeSchema } from "@milagro/crypto/attribute-schema";
import type { Policy } from "@milagro/crypto/policy";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import { MilagroError } from "@milagro/engine/error";
import type { Context } from "./command.ts";
import { positionOf } from "./policy-position.ts";
import { styleFor } from "./style.ts";
import { readText } from "./value.ts";

/** For the argument of the policy commands: text, `@file`, or `-` for stdin. */
export const POLICY_ARGUMENT = "the policy: text, @file, or - for stdin";

export const readPolicyText = async (context: Context, argument: string): Promise<string> =>
  readText(context.io, argument);

/** @throws `ERR_POLICY_INVALID` with the place; for people with the line itself and a mark under it */
export function parsePolicyText(context: Context, text: string, schema: AttributeSchema | undefined): Policy {
  try {
    return parsePolicy(text, schema);
  } catch (error) {
    const position = positionOf(error);
    if (!(error instanceof MilagroError) || position === undefined || context.settings.format === "json") throw error;
    const style = styleFor(context.io, "stderr");
    const line = text.split(/\r\n|\r|\n/)[position.line - 1] ?? "";
    const before = [...line].slice(0, position.column - 1).map((character) => (character === "\t" ? "\t" : " "));
    const mark = `\n  ${line}\n  ${before.join("")}${style.red("^")}`;
    throw new MilagroError(error.code, `${error.message}${mark}`, { cause: position });
  }
}
