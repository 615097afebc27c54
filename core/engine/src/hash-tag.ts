/**
 * Domain separation tags of RFC 9380 §3.1, as every engine takes them.
 * @module
 */

/** Never empty, and never so long that RFC 9380 would have it hashed first. @throws TypeError for any other tag */
export function checkTag(tag: string): void {
  if (typeof tag !== "string" || !/^[\x20-\x7e]{1,255}$/.test(tag)) {
    throw new TypeError("the domain separation tag must have 1 to 255 printable ASCII characters");
  }
}
