/**
 * The list of recipients as envelopes write it, and the search for one's own place in it.
 *
 *   recipients = u16 n ‖ n × (len16 identity ‖ u64 epoch)
 * @module
 */
import { type ByteReader, concat, lengthPrefixed, parseUtf8, u16, u64, utf8 } from "./bytes.ts";
import type { DomainId } from "./domain-id.ts";
import { type Epoch, parseEpoch } from "./epoch.ts";
import { MilagroError } from "./error.ts";
import { MAX_RECIPIENTS } from "./ibe.ts";
import { type Identity, parseIdentity } from "./identity.ts";
import { type IdentityInput, identityInput } from "./identity-input.ts";

/** An identity in an epoch. */
export interface Recipient {
  readonly identity: Identity;
  readonly epoch: Epoch;
}

/** The list of the header comment. */
export function encodeRecipients(recipients: readonly Recipient[]): Uint8Array {
  const entries = recipients.map(({ identity, epoch }) => concat(lengthPrefixed(16, utf8(identity)), u64(epoch)));
  return concat(u16(recipients.length), ...entries);
}

/** @throws the reader's code, `ERR_IDENTITY_INVALID` or `ERR_EPOCH_INVALID`; callers map them to their own */
export function readRecipients(reader: ByteReader): readonly Recipient[] {
  const count = reader.integer(16);
  if (count < 1 || count > MAX_RECIPIENTS) {
    throw new MilagroError("ERR_RECIPIENTS_INVALID", `1 to ${MAX_RECIPIENTS} recipients`);
  }
  return Array.from({ length: count }, () => ({
    identity: parseIdentity(parseUtf8(reader.prefixed(16))),
    epoch: parseEpoch(reader.u64()),
  }));
}

/** The inputs that the list stands for. */
export function recipientInputs(domainId: DomainId, recipients: readonly Recipient[]): readonly IdentityInput[] {
  return recipients.map(({ identity, epoch }) => identityInput(domainId, "enc", identity, epoch));
}

/** @throws `ERR_NOT_RECIPIENT`; the list is public, so saying so gives nothing away */
export function indexOfRecipient(recipients: readonly Recipient[], own: Recipient): number {
  const index = recipients.findIndex(({ identity, epoch }) => identity === own.identity && epoch === own.epoch);
  if (index < 0) throw new MilagroError("ERR_NOT_RECIPIENT", "not sealed to this identity in this epoch");
  return index;
}
