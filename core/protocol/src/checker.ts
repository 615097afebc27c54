/**
 * Whether a value has the form of a schema. Interpreted at first; a message that keeps coming, in a service, is compiled to
 * JavaScript, which is some fifty times faster. Where a content security policy forbids that, TypeBox notices and goes on
 * interpreting, with the same verdicts. The compiler is loaded when its turn comes: it is larger than all schemas of a login
 * together, and a page never needs it.
 * @module
 */
import type { TSchema } from "typebox";
import { Check } from "typebox/value";

/** Fewer checks than this cost less than compiling does: a command line or a page never gets there. */
const COMPILED_FROM = 64;

type Checker = (value: unknown) => boolean;

export function checkerOf(schema: TSchema): Checker {
  let uses = 0;
  let compiled: Checker | undefined;
  return (value) => {
    if (compiled) return compiled(value);
    if (++uses === COMPILED_FROM) {
      compile(schema).then(
        (checker) => {
          compiled = checker;
        },
        () => {}, // goes on interpreting
      );
    }
    return Check(schema, value);
  };
}

async function compile(schema: TSchema): Promise<Checker> {
  const { Compile } = await import("typebox/schema");
  const validator = Compile(schema);
  return (value) => validator.Check(value);
}
