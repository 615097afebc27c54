/**
 * Tickets on both sides: the keys that a server seals them under, and the place where a client keeps those it was given.
 * @module
 */
import { Secret } from "@milagro/crypto/secret";
import type { RandomBytes } from "@milagro/engine/engine";
import { type Credential, credentialName } from "@milagro/protocol/channel-credential";
import type { ChannelGrant } from "@milagro/protocol/channel-party";
import type { TicketKey } from "@milagro/protocol/channel-ticket";
import type { Clock } from "../clock.ts";
import type { Psk } from "./tls.ts";

/** Where a server finds its ticket keys. */
export interface TicketKeys {
  /** What new tickets are sealed under. */
  current(): TicketKey;
  /** What tickets are opened with: the current one and those before it. */
  all(): readonly TicketKey[];
}

/** How long a ticket is good unless a server says otherwise, in seconds. */
export const TICKET_SECONDS = 600;
const ROTATE_MS = 3_600_000;

/**
 * Keys of this process alone: a new one each hour, the one before it kept as long as its tickets live. A restart makes all tickets
 * worthless, and clients agree anew.
 */
export function createTicketKeys(options: {
  readonly random: RandomBytes;
  readonly clock: Clock;
  readonly rotateMs?: number;
  /** The longest that a ticket is good; an old key goes after that. */
  readonly lifetimeSeconds?: number;
}): TicketKeys {
  const { random, clock, rotateMs = ROTATE_MS, lifetimeSeconds = TICKET_SECONDS } = options;
  let keys: { readonly ticketKey: TicketKey; readonly bornMs: number }[] = [];
  function refresh(): TicketKey {
    const now = clock();
    const [newest] = keys;
    // A clock that was set back makes no difference: then the key is as good as new.
    if (newest && now - newest.bornMs < rotateMs) return newest.ticketKey;
    const fresh: TicketKey = { id: random(4), key: new Secret("ticket key", random(32)) };
    const kept = keys.filter(({ bornMs }) => now - bornMs < rotateMs + lifetimeSeconds * 1000);
    for (const { ticketKey } of keys.slice(kept.length)) ticketKey.key.destroy();
    keys = [{ ticketKey: fresh, bornMs: now }, ...kept];
    return fresh;
  }
  return {
    current: refresh,
    all() {
      refresh();
      return keys.map(({ ticketKey }) => ticketKey);
    },
  };
}

/**
 * Keys that several instances share, newest first: a secret of the D-KMS, say, in two versions. Call again when they change.
 * @param read - the list in force; the first one seals
 */
export function sharedTicketKeys(read: () => readonly [TicketKey, ...TicketKey[]]): TicketKeys {
  return { current: () => read()[0], all: read };
}

/** A client's tickets, by whom they are for and who uses them. */
export interface TicketCache {
  find(own: Credential, to: string, nowMs: number): { readonly psk: Psk; readonly peer: Credential } | undefined;
  keep(own: Credential, peer: Credential, grant: ChannelGrant, nowMs: number): void;
  /** After a server has refused it. */
  drop(own: Credential, to: string): void;
  /** Wipes all. */
  clear(): void;
}

interface Kept {
  readonly peer: Credential;
  readonly grant: ChannelGrant;
  readonly expiresMs: number;
}

/** Stops using a ticket that long before its end: it must still be good when it arrives. */
const MARGIN_MS = 5000;

/** In memory. One for each program, or one for each identity; it keeps them apart. @param limit - tickets, 1 or more */
export function createTicketCache(limit = 256): TicketCache {
  const kept = new Map<string, Kept>();
  const nameOf = (own: Credential, to: string): string => `${credentialName(own)} ${to}`;
  const forget = (name: string): void => {
    kept.get(name)?.grant.psk.destroy();
    kept.delete(name);
  };
  return {
    find(own, to, nowMs) {
      const name = nameOf(own, to);
      const found = kept.get(name);
      if (!found) return undefined;
      if (nowMs >= found.expiresMs) {
        forget(name);
        return undefined;
      }
      const { grant, peer } = found;
      return { psk: { identity: grant.identity, key: grant.psk.use((key) => key.slice()) }, peer };
    },
    keep(own, peer, grant, nowMs) {
      const name = nameOf(own, credentialName(peer));
      forget(name);
      const [oldest] = kept.keys();
      if (kept.size >= limit && oldest !== undefined) forget(oldest);
      kept.set(name, { peer, grant, expiresMs: nowMs + grant.lifetimeSeconds * 1000 - MARGIN_MS });
    },
    drop: (own, to) => forget(nameOf(own, to)),
    clear() {
      for (const name of [...kept.keys()]) forget(name);
    },
  };
}
