/**
 * The one error class of the project. It lives at the lowest layer so that every layer throws the same thing.
 * @module
 */

/**
 * Branch on `code`: it is API, listed in docs/errors.md. `message` is for people: what happened and what to do;
 * it never holds input or a secret.
 */
export class MilagroError<Code extends string = string> extends Error {
  override readonly name = "MilagroError";
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
