/**
 * Who is let in, put together from what the caller gives: patterns or a policy, and a look at who has been revoked since.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { type Credential, credentialName } from "@milagro/protocol/channel-credential";
import { type ChannelRule, decideChannel, matchesPeer, parseChannelPolicy } from "@milagro/protocol/channel-policy";
import type { Decide } from "./agree.ts";

export interface AccessOptions {
  /** Patterns of peers: over identities, `dta:*`, `dta:1`, `anonymous`. */
  readonly allow?: readonly string[] | undefined;
  /** Or rules, looked up each time; own and peer's name are asked for in their roles. */
  readonly policy?: (() => readonly ChannelRule[]) | undefined;
  /** Whether this peer may not come in (again), whatever the patterns say: asked for every channel, also one by ticket. An answer counts until the time for setting up the channel is over. */
  readonly revoked?: ((peer: Credential) => boolean | Promise<boolean>) | undefined;
}

/** @throws `ERR_CHANNEL_POLICY_INVALID` for a pattern that is none */
export function checkPatterns(patterns: readonly string[]): void {
  if (patterns.length === 0) return;
  try {
    const rule = { effect: "allow", initiators: patterns, responders: ["anonymous"] };
    parseChannelPolicy({ v: 1, version: 0, rules: [rule] });
  } catch (cause) {
    throw new MilagroError(
      "ERR_CHANNEL_POLICY_INVALID",
      "write patterns over identities, dta:<index>, dta:* or anonymous",
      { cause },
    );
  }
}

/**
 * @param role - which end we are
 * @param own - our name
 */
export function decideBy(options: AccessOptions, role: "initiator" | "responder", own: () => string): Decide {
  const { allow, policy, revoked } = options;
  if (allow) checkPatterns(allow);
  return (peer) => {
    const name = credentialName(peer);
    const byPattern = allow?.some((pattern) => matchesPeer(pattern, name)) ?? true; // a server has one of the two; a client asks for a name anyway
    const [initiator, responder] = role === "initiator" ? [own(), name] : [name, own()];
    const byRule = policy ? decideChannel(policy(), initiator, responder).kind === "allow" : true;
    if (!byPattern || !byRule) return "ERR_CHANNEL_REFUSED";
    const gone = revoked?.(peer) ?? false;
    if (typeof gone === "boolean") return gone ? "ERR_CHANNEL_REFUSED" : undefined;
    return gone.then((yes) => (yes ? "ERR_CHANNEL_REFUSED" : undefined));
  };
}
