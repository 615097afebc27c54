/**
 * What takes the whole engine, in one file that a page fetches when it needs any of it: setting a device up, and updating its token.
 * @module
 */
import "./enrol.ts";

export { updateAccount } from "./token-update.ts";
