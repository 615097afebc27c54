/**
 * For devices that can do no more than TLS-PSK and one pairing: a key without any message, by SOK (docs/spec/signatures), under a PSK
 * identity that names who it is.
 *
 *   identity = "milagro-sok1." epoch "." kind "/" name                    epoch in decimal, the same for both keys; at most 255 bytes
 *   psk      = agreed key of ID*_I and ID*_R, both of usage `kex` in that epoch, context = transcript("MILAGRO-V1-CHANNEL-SOK", ID*_I, ID*_R)
 *
 * What it lacks beside the agreement: the initiator's name goes in the clear; the key is the same for the whole epoch, so whoever
 * learns it (or either `kex` key, or all D-TAs together) can play both sides as long as it lasts; there is nothing post-quantum in it.
 * What TLS adds: PSK with (EC)DHE, so that what was said earlier stays secret even then.
 * @module
 */
import { transcript, utf8 } from "@milagro/crypto/bytes";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import type { IdentityKey } from "@milagro/crypto/identity-key";
import type { Secret } from "@milagro/crypto/secret";
import { agreeKey } from "@milagro/crypto/sok";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { MAX_PSK_IDENTITY } from "./channel-ticket.ts";
import type { TrustDomain } from "./trust-domain.ts";

const PREFIX = "milagro-sok1.";

/** Whether a PSK identity is of this kind, rather than a ticket. */
export const isSokName = (text: string): boolean => text.startsWith(PREFIX);

/** @throws `ERR_IDENTITY_INVALID` for an identity that is too long for a PSK identity */
export function sokName(initiator: Identity, epoch: Epoch): string {
  const text = `${PREFIX}${epoch}.${initiator.slice(initiator.indexOf("/") + 1)}`;
  if (utf8(text).length > MAX_PSK_IDENTITY)
    throw new MilagroError("ERR_IDENTITY_INVALID", "too long for a PSK identity");
  return text;
}

/** @throws `ERR_CHANNEL_TICKET`, whatever is wrong */
export function parseSokName(text: string, domain: string): { readonly identity: Identity; readonly epoch: Epoch } {
  const parts = /^milagro-sok1\.(0|[1-9][0-9]{0,15})\.(.+)$/su.exec(text);
  try {
    if (!parts || utf8(text).length > MAX_PSK_IDENTITY) throw new TypeError("another form");
    const [, epoch = "", rest = ""] = parts;
    return { identity: parseIdentity(`milagro:${domain}/${rest}`), epoch: parseEpoch(Number(epoch)) };
  } catch (cause) {
    throw new MilagroError("ERR_CHANNEL_TICKET", "not a name for a key by SOK", { cause });
  }
}

/**
 * The key, one pairing. The same on both sides.
 * @param own - which of the two the key belongs to
 */
export function sokPsk(
  engine: Engine,
  domain: Pick<TrustDomain, "domainId" | "publicKey">,
  key: IdentityKey<"kex">,
  own: "initiator" | "responder",
  names: { readonly initiator: Identity; readonly responder: Identity; readonly epoch: Epoch },
): Secret<"agreed key"> {
  const initiator = identityInput(domain.domainId, "kex", names.initiator, names.epoch);
  const responder = identityInput(domain.domainId, "kex", names.responder, names.epoch);
  return agreeKey(engine, key, {
    publicKey: domain.publicKey,
    own: own === "initiator" ? initiator : responder,
    peer: own === "initiator" ? responder : initiator,
    context: transcript("MILAGRO-V1-CHANNEL-SOK", initiator, responder),
  });
}
