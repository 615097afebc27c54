/**
 * A detached signature over a file, as `milagro sign` writes it: who signed it, in which epoch, when they say they did.
 *
 *   message = transcript("MILAGRO-V1-FILE-SIGNATURE", u64 time, SHA-512 of the file)      signed by the `sig` key
 *
 * The time is the signer's own claim. The key is good for its epoch, the signature for ever: whoever holds the descriptor
 * can check it.
 * @module
 */
import { transcript, u64 } from "@milagro/crypto/bytes";
import { Type } from "typebox";
import {
  bytes,
  DomainIdBytes,
  EpochNumber,
  encoderOf,
  IdentityText,
  type Parsed,
  parserOf,
  strict,
  UnixSeconds,
  Version,
} from "./wire.ts";

export const FileSignatureSchema = strict(
  {
    v: Version,
    type: Type.Literal("milagro-signature"),
    domainId: DomainIdBytes,
    identity: IdentityText,
    epoch: EpochNumber,
    time: UnixSeconds,
    signature: bytes(96, "Identity signature"),
  },
  "Detached signature over a file",
);
export type FileSignature = Parsed<typeof FileSignatureSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseFileSignature = parserOf("file signature", FileSignatureSchema);
export const encodeFileSignature = encoderOf("file signature", FileSignatureSchema);

/** What is signed. @param digest - SHA-512 of the file, 64 bytes */
export function fileSignatureMessage(time: number, digest: Uint8Array): Uint8Array {
  if (digest.length !== 64) throw new TypeError("a SHA-512 digest has 64 bytes");
  return transcript("MILAGRO-V1-FILE-SIGNATURE", u64(time), digest);
}
