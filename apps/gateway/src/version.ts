/**
 * The version of this package.
 * @module
 */
export const VERSION = "0.1.0";
