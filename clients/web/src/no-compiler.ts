/**
 * In the place of TypeBox's compiler when pages are built. It would make functions from text, which their policy forbids: it notices
 * and goes on interpreting, but the attempt alone is reported as a breach of the policy.
 * @module
 */
export function Compile(): never {
  throw new TypeError("schemas are interpreted in pages");
}
