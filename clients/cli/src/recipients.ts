/**
 * Naming recipients: whole identities, or `kind/name` in the domain at hand.
 * @module
 */
import { type Identity, identityOf, parseIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";

/** @throws `ERR_IDENTITY_INVALID`, `ERR_USAGE` for an empty list */
export function parseRecipients(texts: readonly string[], domain: string): readonly Identity[] {
  if (texts.length === 0)
    throw new MilagroError("ERR_USAGE", "a recipient is needed: --to <kind>/<name>, or a whole identity");
  return [...new Set(texts.map((text) => parseRecipient(text, domain)))];
}

/** `milagro:acme/person/bob`, or `person/bob` for the domain at hand. */
export function parseRecipient(text: string, domain: string): Identity {
  if (text.startsWith("milagro:")) {
    const identity = parseIdentity(text);
    if (!identity.startsWith(`milagro:${domain}/`))
      throw new MilagroError("ERR_DOMAIN_MISMATCH", `${text} is not in the domain ${domain}`);
    return identity;
  }
  if (!text.includes("/"))
    throw new MilagroError("ERR_IDENTITY_INVALID", `${text} lacks its kind: write endpoint/${text}, say, or all of it`);
  const [kind = "", ...name] = text.split("/");
  return identityOf({ domain, kind, name: name.join("/") });
}
