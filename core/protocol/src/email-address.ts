/**
 * Which e-mail addresses may stand in an identity and be mailed to: a narrow, lower-case subset of RFC 5321, so that no address
 * can carry a header, a comment, a second recipient or a route.
 *
 *   address = atom *("." atom) "@" label 1*("." label)          at most 64 before the "@", 254 in all
 *   atom    = 1*(a-z / 0-9 / "_" / "+" / "-")
 *   label   = a-z 0-9, inner "-", 1 to 63; the last one begins with a letter
 *
 * Source: RFC 5321 §4.1.2, §4.5.3.1 (lengths). Not covered on purpose: quoted local parts, address literals, other scripts.
 * @module
 */

const LOCAL = /^[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*$/;
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Whether the text is such an address. */
export function isEmailAddress(text: string): boolean {
  if (text.length > 254) return false;
  const at = text.indexOf("@");
  const local = text.slice(0, Math.max(at, 0));
  return local.length <= 64 && LOCAL.test(local) && DOMAIN.test(text.slice(at + 1));
}

/**
 * What addresses that commonly reach one mailbox have in common: no `+tag`, no dots before the `@`. For counting mails, never for
 * sending them.
 */
export function mailboxOf(address: string): string {
  const at = address.indexOf("@");
  const local = address.slice(0, at);
  const plus = local.indexOf("+");
  const name = (plus > 0 ? local.slice(0, plus) : local).replaceAll(".", "");
  return `${name}${address.slice(at)}`;
}
