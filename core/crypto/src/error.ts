/**
 * The one error class of the project, re-exported so that callers need not know which layer owns it.
 * @module
 */
export { MilagroError } from "@milagro/engine/error";
