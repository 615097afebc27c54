/**
 * Parsers for the answers that a login reads. They accept what the schemas of `@milagro/protocol` accept (a test holds them against
 * each other) and cost a page one kilobyte instead of forty: enrolment, which happens once, loads the schemas.
 * @module
 */
import { parseBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";

/** From JSON to a value, or `ERR_MESSAGE_INVALID`. */
export type Read<T> = (value: unknown) => T;
type Fields = Readonly<Record<string, Read<unknown>>>;
type Value<R> = R extends Read<infer T> ? T : never;
type Omissible<F extends Fields> = { [K in keyof F]: undefined extends Value<F[K]> ? K : never }[keyof F];
type Shape<F extends Fields> = { readonly [K in Exclude<keyof F, Omissible<F>>]: Value<F[K]> } & {
  readonly [K in Omissible<F>]?: Exclude<Value<F[K]>, undefined>;
};

function refuse(): never {
  throw new MilagroError("ERR_MESSAGE_INVALID", "an answer is not of the form the protocol says");
}

/** Text of up to so many UTF-16 units, or of a pattern. */
export const readText =
  (maximum: number, pattern?: RegExp): Read<string> =>
  (value) => {
    if (typeof value !== "string" || value.length > maximum || (pattern ? !pattern.test(value) : value === ""))
      refuse();
    return value;
  };

/** A non-negative safe integer. */
export const readInteger: Read<number> = (value) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) refuse();
  return value as number;
};

export const readBoolean: Read<boolean> = (value) => {
  if (typeof value !== "boolean") refuse();
  return value;
};

/** Exactly so many bytes, base64url. */
export const readBytes =
  (length: number): Read<Uint8Array> =>
  (value) => {
    if (typeof value !== "string" || value.length !== Math.ceil((length * 4) / 3)) refuse();
    return parseBase64url(value);
  };

/** One of these. */
export const readOneOf =
  <const T extends string | number>(...values: readonly T[]): Read<T> =>
  (value) =>
    values.find((known) => known === value) ?? refuse();

/** A list of at most, and at least, so many. */
export const readList =
  <T>(maximum: number, item: Read<T>, minimum = 0): Read<readonly T[]> =>
  (value) => {
    if (!Array.isArray(value) || value.length > maximum || value.length < minimum) refuse();
    return value.map(item);
  };

/** Text that a parser makes something of. */
export const readWith =
  <T>(parse: (text: string) => T): Read<T> =>
  (value) => {
    if (typeof value !== "string") refuse();
    return parse(value);
  };

/** May be absent. */
export const optional =
  <T>(read: Read<T>): Read<T | undefined> =>
  (value) =>
    value === undefined ? undefined : read(value);

function plain(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse();
  return value as Record<string, unknown>;
}

/** An object with these properties and no others. */
export function readObject<F extends Fields>(fields: F): Read<Shape<F>> {
  const some = readSome(fields);
  return (value) => {
    if (Object.keys(plain(value)).some((name) => !Object.hasOwn(fields, name))) refuse();
    return some(value);
  };
}

/** Of an object these properties, whatever others it has. */
export function readSome<F extends Fields>(fields: F): Read<Shape<F>> {
  return (value) => {
    const object = plain(value);
    const out: Record<string, unknown> = {};
    for (const [name, read] of Object.entries(fields)) {
      const result = read(Object.hasOwn(object, name) ? object[name] : undefined);
      if (result !== undefined) out[name] = result;
    }
    return out as Shape<F>;
  };
}

/** The first of these that fits. */
export const readEither =
  <A, B>(first: Read<A>, second: Read<B>): Read<A | B> =>
  (value) => {
    try {
      return first(value);
    } catch {
      return second(value);
    }
  };
