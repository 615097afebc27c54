/**
 * Whether a value has the form of a schema. Interpreted at first; a message that keeps coming, in a service, is compiled to
 * JavaScript, which is some fifty times faster. Where a content security policy forbids that, TypeBox notices and goes on
 * interpreting, with the same verdicts.
 * @module
 */
import type { TSchema } from "typebox";
import { Compile } from "typebox/schema";
import { Check } from "typebox/value";

/** Fewer checks than this cost less than compiling does: a command line or a page never gets there. */
const COMPILED_FROM = 64;

export function checkerOf(schema: TSchema): (value: unknown) => boolean {
  let uses = 0;
  let compiled: ((value: unknown) => boolean) | undefined;
  return (value) => {
    if (compiled) return compiled(value);
    if (++uses >= COMPILED_FROM) {
      const validator = Compile(schema);
      compiled = (each) => validator.Check(each);
    }
    return Check(schema, value);
  };
}
