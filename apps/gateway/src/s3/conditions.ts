/**
 * Conditional requests, in the order of RFC 9110 §13.2.2.
 * @module
 */

/** What a condition is compared with; undefined: there is no object. */
export type Current = { readonly etag: string; readonly modifiedMs: number } | undefined;
export type ConditionResult = "proceed" | "not-modified" | "failed";

interface Conditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
  readonly ifUnmodifiedSince: string | undefined;
}

/** @param prefix - `x-amz-copy-source-` for the conditions on a copy's source */
export function conditionsOf(headers: ReadonlyMap<string, string>, prefix = ""): Conditions {
  return {
    ifMatch: headers.get(`${prefix}if-match`),
    ifNoneMatch: headers.get(`${prefix}if-none-match`),
    ifModifiedSince: headers.get(`${prefix}if-modified-since`),
    ifUnmodifiedSince: headers.get(`${prefix}if-unmodified-since`),
  };
}

/** For reading: a fresh copy is `not-modified`. */
export function checkRead(conditions: Conditions, current: NonNullable<Current>): ConditionResult {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  if (ifMatch !== undefined) {
    if (!lists(ifMatch, current.etag)) return "failed";
  } else if (ifUnmodifiedSince !== undefined && seconds(current.modifiedMs) > dateOf(ifUnmodifiedSince)) {
    return "failed";
  }
  if (ifNoneMatch !== undefined) return lists(ifNoneMatch, current.etag) ? "not-modified" : "proceed";
  if (ifModifiedSince !== undefined && seconds(current.modifiedMs) <= dateOf(ifModifiedSince)) return "not-modified";
  return "proceed";
}

/** For writing and deleting. */
export function checkWrite({ ifMatch, ifNoneMatch }: Conditions, current: Current): ConditionResult {
  if (ifMatch !== undefined && !(current && lists(ifMatch, current.etag))) return "failed";
  if (ifNoneMatch !== undefined && current && lists(ifNoneMatch, current.etag)) return "failed";
  return "proceed";
}

/** Whether anything has to be compared at all. */
export function hasWriteCondition({ ifMatch, ifNoneMatch }: Conditions): boolean {
  return ifMatch !== undefined || ifNoneMatch !== undefined;
}

function lists(header: string, etag: string): boolean {
  return header.split(",").some((entry) => {
    const text = entry.trim().replace(/^W\//, "");
    return text === "*" || text.replace(/^"|"$/g, "") === etag;
  });
}

const seconds = (ms: number): number => Math.floor(ms / 1000);
/** A date that is none is as if the header were not there: it is never before, nor after. */
const dateOf = (text: string): number => Date.parse(text) / 1000;
