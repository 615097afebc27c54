/**
 * Files encrypted to identities, offline: the sender needs the domain's descriptor, the receiver a key of the epoch that the
 * file was encrypted in.
 * @module
 */
import type { AeadPort } from "@milagro/crypto/aead";
import { utf8 } from "@milagro/crypto/bytes";
import type { Epoch } from "@milagro/crypto/epoch";
import { epochIdentity, isEpochIdentity } from "@milagro/crypto/epoch-identity";
import { type FileOpener, openFile, sealFile } from "@milagro/crypto/file-envelope";
import type { Identity } from "@milagro/crypto/identity";
import type { Recipient } from "@milagro/crypto/recipients";
import type { ByteStream } from "@milagro/crypto/stream";
import { MilagroError } from "@milagro/engine/error";
import type { ClientDeps } from "./deps.ts";
import { fetchEpochKey } from "./epoch-key.ts";
import type { KeyRing } from "./key-ring.ts";
import { renewKeys } from "./renew.ts";

/** A file says by itself whom it is for; what it is for is the reader's business. */
const CONTEXT = utf8("milagro file");

type FileDeps = Pick<ClientDeps, "engine" | "random" | "domain"> & { readonly aead?: AeadPort };

/**
 * @param epoch - of the recipients' keys that open it: the current one, or `NO_EXPIRY`
 * @param opensAt - also encrypted to this epoch itself: when it begins, everybody can open the file
 */
export function encryptFile(
  deps: FileDeps,
  recipients: readonly Identity[],
  epoch: Epoch,
  source: ByteStream,
  opensAt?: Epoch,
): AsyncGenerator<Uint8Array, void> {
  const { domainId, publicKey, name } = deps.domain;
  const named = recipients.map((identity) => ({ identity, epoch }));
  const options = {
    domainId,
    publicKey,
    recipients: opensAt === undefined ? named : [...named, { identity: epochIdentity(name), epoch: opensAt }],
    context: CONTEXT,
    ...(deps.aead ? { aead: deps.aead } : {}),
  };
  return sealFile(deps.engine, deps.random, options, source);
}

/**
 * The text is whole only when the generator ends without throwing.
 * @param deps.online - may ask the D-TAs for a key of a past epoch that the ring lacks, and for that of an epoch itself
 * @param openRing - the reader's keys; not called for a file that is encrypted to nothing but an epoch
 */
export function decryptFile(
  deps: ClientDeps & { readonly aead?: AeadPort; readonly online: boolean },
  openRing: () => Promise<KeyRing>,
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { domainId, publicKey } = deps.domain;
  const options = {
    domainId,
    publicKey,
    context: CONTEXT,
    ...(deps.aead ? { aead: deps.aead } : {}),
    selectOpener: ({ recipients }: { readonly recipients: readonly Recipient[] }) =>
      openerOf(deps, openRing, recipients),
  };
  return openFile(deps.engine, options, source);
}

/** The reader's own key where there is a place for it, else that of an epoch. */
async function openerOf(
  deps: ClientDeps & { readonly online: boolean },
  openRing: () => Promise<KeyRing>,
  recipients: readonly Recipient[],
): Promise<FileOpener> {
  const open = recipients.find(({ identity }) => isEpochIdentity(identity));
  if (open && recipients.every(({ identity }) => isEpochIdentity(identity))) return epochOpener(deps, open);
  const ring = await openRing();
  const own = recipients.filter(({ identity }) => identity === ring.identity);
  const recipient = own.find(({ epoch }) => ring.find("enc", epoch) !== undefined) ?? own[0];
  if (!recipient && open) return epochOpener(deps, open);
  if (!recipient) throw new MilagroError("ERR_NOT_RECIPIENT", `the file is not encrypted to ${ring.identity}`);
  if (deps.online && ring.find("enc", recipient.epoch) === undefined) {
    await renewKeys(deps, ring, [{ usage: "enc", epoch: recipient.epoch }]);
  }
  return { key: ring.need("enc", recipient.epoch), recipient };
}

async function epochOpener(deps: ClientDeps & { readonly online: boolean }, recipient: Recipient): Promise<FileOpener> {
  if (!deps.online)
    throw new MilagroError(
      "ERR_KEY_MISSING",
      `the file opens with the key of epoch ${recipient.epoch}, which only the D-TAs have: ask them with --online`,
    );
  return { key: await fetchEpochKey(deps, recipient.epoch), recipient };
}
