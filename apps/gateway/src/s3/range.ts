/**
 * One byte range, as RFC 9110 §14.1.2 has it. Several are answered with the whole, which is allowed and what S3 does.
 * @module
 */

export type RangeResult =
  | { readonly kind: "whole" }
  /** `last` is inclusive. */
  | { readonly kind: "part"; readonly first: number; readonly last: number }
  | { readonly kind: "unsatisfiable" };

/** @param header - undefined or malformed: the whole */
export function parseRange(header: string | undefined, size: number): RangeResult {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return { kind: "whole" };
  const [from, to] = [match[1] as string, match[2] as string];
  if (from === "") {
    const count = Number(to);
    if (count === 0 || size === 0) return { kind: "unsatisfiable" };
    return { kind: "part", first: Math.max(0, size - count), last: size - 1 };
  }
  const first = Number(from);
  const last = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== "" && Number(to) < first) return { kind: "whole" };
  if (first >= size) return { kind: "unsatisfiable" };
  return { kind: "part", first, last };
}
