/**
 * Nominal types: a value that its one parser has vouched for.
 * @module
 */

declare const brand: unique symbol;

/** `T` that its one parser has vouched for; only that module casts. Brands stack. */
export type Brand<T, Name extends string> = T & { readonly [brand]: { readonly [K in Name]: true } };
