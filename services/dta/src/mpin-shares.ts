/**
 * This D-TA's shares of the `mpin` master: the founding one among the masters, and one entry of the sealed file for each rotation since.
 * A share is known by its public key, so which one counts is for the signed descriptor to say, and for it alone: a crash between file and
 * database leaves no doubt.
 *
 *   entry "mpin/" base64url(ceremonyId)      32 bytes
 *
 * Once the time to change over has passed, older shares go, and the oldest one that is left takes the founding one's place among the masters:
 * with it and an older one, tokens of thieves could be updated.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { encodeHex, wipe } from "@milagro/crypto/bytes";
import { derivePublicShare, encodePublicShare } from "@milagro/crypto/master-public";
import {
  encodeMasterSecretShare,
  generateMasterSecretShare,
  type MasterSecretShare,
  parseMasterSecretShare,
} from "@milagro/crypto/master-secret";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { KeyStore } from "@milagro/runtime/key-store";
import { type Masters, mastersEntry } from "./masters.ts";

const PREFIX = "mpin/";

type Share = MasterSecretShare<"mpin">;

/** 48 bytes: as it stands in a descriptor. */
const keyOf = (engine: Engine, share: Share): Uint8Array => encodePublicShare(engine, derivePublicShare(engine, share));

/** The shares that are open. */
export interface MpinShares {
  has(key: Uint8Array): boolean;
  /** @throws `ERR_KEYSTORE_CORRUPT` for a key whose share is not here */
  find(key: Uint8Array): Share;
  /** The share for a rotation: the one that was drawn for it before, else a fresh one, which is sealed on disk when this resolves. */
  draw(ceremonyId: Uint8Array): Promise<Share>;
  /**
   * Forgets shares, here and on disk.
   * @param heirs - keys of those that go on, the oldest first: the first that is here takes a forgotten founding one's place. Where none is (the file was restored from a
   *   backup), a fresh one does, which no descriptor names.
   */
  forget(keys: readonly Uint8Array[], heirs: readonly Uint8Array[]): Promise<void>;
  /** The sealed file was opened anew. */
  moveTo(store: KeyStore): void;
  destroy(): void;
}

/** @param masters - its `mpin` share is shared with them until it is forgotten */
export function openMpinShares(engine: Engine, opened: KeyStore, masters: Masters): MpinShares {
  let store = opened;
  let founding: Share = masters.shares.mpin;
  const shares = new Map<string, { readonly entry: string | undefined; readonly share: Share }>();
  const add = (share: Share, entry: string | undefined): Share => {
    shares.set(encodeHex(keyOf(engine, share)), { entry, share });
    return share;
  };
  add(founding, undefined);
  for (const entry of store.names()) if (entry.startsWith(PREFIX)) add(read(engine, store, entry), entry);

  return {
    has: (key) => shares.has(encodeHex(key)),

    find(key) {
      const found = shares.get(encodeHex(key));
      if (found) return found.share;
      throw new MilagroError(
        "ERR_KEYSTORE_CORRUPT",
        "the sealed file lacks the share of the mpin master that the descriptor names: restore a newer copy of it, or rotate again",
      );
    },

    async draw(ceremonyId) {
      const entry = `${PREFIX}${encodeBase64url(ceremonyId)}`;
      const known = [...shares.values()].find((one) => one.entry === entry);
      if (known) return known.share;
      const fresh = generateMasterSecretShare(engine, "mpin");
      const bytes = encodeMasterSecretShare(engine, fresh);
      try {
        await store.update({ set: { [entry]: bytes } });
      } finally {
        wipe(bytes);
      }
      return add(fresh, entry);
    },

    async forget(keys, heirs) {
      const texts = keys.map(encodeHex).filter((text) => shares.has(text));
      const gone = texts.flatMap((text) => shares.get(text) ?? []);
      if (gone.length === 0) return;
      const remove = gone.flatMap(({ entry }) => entry ?? []);
      if (gone.some(({ share }) => share === founding)) {
        const heir = heirs.map((key) => shares.get(encodeHex(key))).find((one) => one && !gone.includes(one));
        const next = heir?.share ?? generateMasterSecretShare(engine, "mpin");
        const set = mastersEntry(engine, { ...masters, shares: { ...masters.shares, mpin: next } });
        try {
          await store.update({ set, remove: [...remove, ...(heir?.entry ? [heir.entry] : [])] });
        } finally {
          wipe(...Object.values(set));
        }
        founding = add(next, undefined);
      } else await store.update({ remove });
      for (const text of texts) shares.delete(text);
      for (const { share } of gone) share.destroy();
    },

    moveTo(next) {
      store = next;
    },

    destroy() {
      for (const { share } of shares.values()) share.destroy();
      shares.clear();
    },
  };
}

function read(engine: Engine, store: KeyStore, entry: string): Share {
  const sealed = store.get(entry);
  if (!sealed) throw new TypeError("an entry that was listed is not there");
  try {
    return sealed.use((bytes) => parseMasterSecretShare(engine, "mpin", bytes));
  } finally {
    sealed.destroy();
  }
}
