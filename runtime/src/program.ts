/**
 * How a program ends that cannot go on: the code, what happened and what to do, on standard error; the exit status of the code.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { definitionOf } from "@milagro/protocol/error-codes";

/** Runs `main` with the program's arguments. Of what nobody expected only the log has more: the error may quote input. */
export async function runProgram(name: string, main: (args: readonly string[]) => Promise<void>): Promise<void> {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    if (error instanceof MilagroError) {
      const { exit, remedy } = definitionOf(error.code);
      process.stderr.write(`${name}: ${error.message} (${error.code})\n${remedy}\n`);
      process.exit(exit);
    }
    process.stderr.write(`${name}: it failed; the log has the rest (ERR_INTERNAL)\n`);
    process.exit(1);
  }
}
