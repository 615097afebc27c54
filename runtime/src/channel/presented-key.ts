/**
 * What a TLS client shows in place of an agreement: a ticket, or a name for a key by SOK. Who it is comes out with the key, and is looked at each time.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { type Credential, objectionTo } from "@milagro/protocol/channel-credential";
import { isSokName } from "@milagro/protocol/channel-sok";
import { openTicket } from "@milagro/protocol/channel-ticket";
import type { ErrorCode } from "@milagro/protocol/error-codes";
import { nativeAead } from "../aead.ts";
import type { Decide } from "./agree.ts";
import type { ChannelOrigin } from "./channel.ts";
import type { ChannelSelf } from "./self.ts";
import type { SokPeers } from "./sok.ts";
import type { TicketKeys } from "./tickets.ts";

export interface PresentedKeys {
  readonly self: ChannelSelf;
  readonly decide: Decide;
  readonly tickets: TicketKeys | undefined;
  readonly sok: SokPeers | undefined;
}

export interface PresentedKey {
  readonly peer: Credential;
  readonly origin: ChannelOrigin;
  /** 32 bytes, the caller's to wipe. */
  readonly key: Uint8Array;
  /** Undefined lets the peer in; where that takes a while, TLS goes on meanwhile. */
  readonly verdict: ErrorCode | undefined | Promise<ErrorCode | undefined>;
}

/** Synchronous, because OpenSSL does not wait. @throws `ERR_CHANNEL_TICKET`, `ERR_EPOCH_OUT_OF_WINDOW`, what `decide` says */
export function openPresentedKey(options: PresentedKeys, text: string): PresentedKey {
  const { self, tickets, sok } = options;
  const nowMs = self.clock();
  if (sok && isSokName(text)) {
    const peer: Credential = { kind: "identity", ...sok.peerOf(text) };
    const verdict = decideNow(options, peer, nowMs); // before the pairing
    return { peer, origin: "sok", key: sok.keyOf(text, nowMs), verdict };
  }
  if (!tickets) throw new MilagroError("ERR_CHANNEL_TICKET", "this server takes no tickets");
  const responder = self.own().credential;
  const opened = openTicket(nativeAead, tickets.all(), { text, domain: self.domain.name, responder, nowMs });
  try {
    const verdict = decideNow(options, opened.peer, nowMs);
    return { peer: opened.peer, origin: "ticket", key: opened.psk.use((bytes) => bytes.slice()), verdict };
  } finally {
    opened.psk.destroy();
  }
}

function decideNow({ self, decide }: PresentedKeys, peer: Credential, nowMs: number): PresentedKey["verdict"] {
  const verdict = objectionTo(self.domain, "initiator", peer, nowMs) ?? decide(peer);
  if (typeof verdict === "string") throw new MilagroError(verdict, "this peer is not let in");
  return verdict;
}
