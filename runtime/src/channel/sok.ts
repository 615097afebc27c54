/**
 * Keys by SOK for TLS-PSK, on both sides: one pairing for each peer and epoch, remembered as long as there is room.
 * @module
 */
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import type { IdentityKey } from "@milagro/crypto/identity-key";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { parseSokName, sokName, sokPsk } from "@milagro/protocol/channel-sok";
import { isSigningEpoch, type TrustDomain } from "@milagro/protocol/trust-domain";
import type { Psk } from "./tls.ts";

/** An identity with its `kex` keys. */
export interface SokKeys {
  readonly engine: Engine;
  readonly domain: TrustDomain;
  readonly identity: Identity;
  /** The key stays the finder's. */
  find(usage: "kex", epoch: Epoch): IdentityKey<"kex"> | undefined;
}

/** Peers whose keys are kept. Beyond, each new connection of an old one costs a pairing again. */
const KEPT = 1024;

const missing = ({ identity }: SokKeys): MilagroError =>
  new MilagroError("ERR_KEY_MISSING", `${identity} has no kex key here that counts now`);

/** What to dial somebody with, in the current epoch. The key is the caller's to wipe. @throws `ERR_KEY_MISSING`, `ERR_PEER_INVALID` */
export function initiatorPsk(keys: SokKeys, to: Identity, nowMs: number): Psk & { readonly epoch: Epoch } {
  const { engine, domain, identity } = keys;
  const epoch = epochAt(nowMs, domain.epochSeconds);
  const key = keys.find("kex", epoch);
  if (!key) throw missing(keys);
  const agreed = sokPsk(engine, domain, key, "initiator", { initiator: identity, responder: to, epoch });
  const bytes = agreed.use((secret) => secret.slice());
  agreed.destroy();
  return { identity: sokName(identity, epoch), key: bytes, epoch };
}

/** The responder's side: keys by the names that peers show. */
export interface SokPeers {
  /** Who the name belongs to; whether it is them the key will show. @throws `ERR_CHANNEL_TICKET` */
  peerOf(name: string): { readonly identity: Identity; readonly epoch: Epoch };
  /** The caller's to wipe. @throws `ERR_KEY_MISSING`, `ERR_CHANNEL_TICKET` for an epoch that does not count, `ERR_PEER_INVALID` */
  keyOf(name: string, nowMs: number): Uint8Array;
}

export function createSokPeers(keys: SokKeys): SokPeers {
  const { engine, domain, identity } = keys;
  const known = new Map<string, Uint8Array>();
  const peerOf: SokPeers["peerOf"] = (name) => parseSokName(name, domain.name);
  return {
    peerOf,
    keyOf(name, nowMs) {
      const { identity: initiator, epoch } = peerOf(name);
      if (!isSigningEpoch(domain, epoch, nowMs)) {
        known.get(name)?.fill(0);
        known.delete(name);
        throw new MilagroError("ERR_CHANNEL_TICKET", "a key of another epoch");
      }
      const found = known.get(name);
      if (found) return found.slice();
      const key = keys.find("kex", epoch);
      if (!key) throw missing(keys);
      const agreed = sokPsk(engine, domain, key, "responder", { initiator, responder: identity, epoch });
      const bytes = agreed.use((secret) => secret.slice());
      agreed.destroy();
      const [oldest] = known.keys();
      if (known.size >= KEPT && oldest !== undefined) {
        known.get(oldest)?.fill(0);
        known.delete(oldest);
      }
      known.set(name, bytes);
      return bytes.slice();
    },
  };
}
