/**
 * Files encrypted to identities, offline: the sender needs the domain's descriptor, the receiver a key of the epoch that the
 * file was encrypted in.
 * @module
 */
import type { AeadPort } from "@milagro/crypto/aead";
import { utf8 } from "@milagro/crypto/bytes";
import type { Epoch } from "@milagro/crypto/epoch";
import { openFile, sealFile } from "@milagro/crypto/file-envelope";
import type { Identity } from "@milagro/crypto/identity";
import type { ByteStream } from "@milagro/crypto/stream";
import { MilagroError } from "@milagro/engine/error";
import type { ClientDeps } from "./deps.ts";
import type { KeyRing } from "./key-ring.ts";
import { renewKeys } from "./renew.ts";

/** A file says by itself whom it is for; what it is for is the reader's business. */
const CONTEXT = utf8("milagro file");

type FileDeps = Pick<ClientDeps, "engine" | "random" | "domain"> & { readonly aead?: AeadPort };

/** @param epoch - of the keys that open it: the current one, or `NO_EXPIRY` */
export function encryptFile(
  deps: FileDeps,
  recipients: readonly Identity[],
  epoch: Epoch,
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { domainId, publicKey } = deps.domain;
  const options = {
    domainId,
    publicKey,
    recipients: recipients.map((identity) => ({ identity, epoch })),
    context: CONTEXT,
    ...(deps.aead ? { aead: deps.aead } : {}),
  };
  return sealFile(deps.engine, deps.random, options, source);
}

/**
 * The text is whole only when the generator ends without throwing.
 * @param deps.online - may ask the D-TAs for a key of a past epoch that the ring lacks
 */
export function decryptFile(
  deps: ClientDeps & { readonly aead?: AeadPort; readonly online: boolean },
  ring: KeyRing,
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { domainId, publicKey } = deps.domain;
  const options = {
    domainId,
    publicKey,
    context: CONTEXT,
    ...(deps.aead ? { aead: deps.aead } : {}),
    selectOpener: async ({
      recipients,
    }: {
      readonly recipients: readonly { readonly identity: Identity; readonly epoch: Epoch }[];
    }) => {
      const own = recipients.filter(({ identity }) => identity === ring.identity);
      const recipient = own.find(({ epoch }) => ring.find("enc", epoch) !== undefined) ?? own[0];
      if (!recipient) throw new MilagroError("ERR_NOT_RECIPIENT", `the file is not encrypted to ${ring.identity}`);
      if (deps.online && ring.find("enc", recipient.epoch) === undefined) {
        await renewKeys(deps, ring, [{ usage: "enc", epoch: recipient.epoch }]);
      }
      return { key: ring.need("enc", recipient.epoch), recipient };
    },
  };
  return openFile(deps.engine, options, source);
}
