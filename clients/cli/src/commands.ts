/**
 * Every command there is, in the order of the help.
 * @module
 */
import type { CommandNode } from "./command.ts";
import { completion } from "./commands/completion.ts";

export const COMMANDS: readonly CommandNode[] = [completion];
