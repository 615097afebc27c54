/**
 * The question before something that others notice.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { Context } from "./command.ts";

/** Asks at the terminal, on stderr. @param otherwise - what a no means @throws `ERR_CANCELLED` */
export async function confirmed({ io, signal }: Context, message: string, otherwise: string): Promise<void> {
  const { confirm } = await import("@inquirer/prompts");
  const yes = await confirm(
    { message, default: false },
    { input: io.stdin as NodeJS.ReadStream, output: io.stderr as NodeJS.WriteStream, signal },
  );
  if (!yes) throw new MilagroError("ERR_CANCELLED", otherwise);
}
