/**
 * The D-KMS on channels: who it is there, whom its two ports let in, and its own way to the D-TAs. Signing and verifying run in the workers.
 * @module
 */

import { MilagroError } from "@milagro/engine/error";
import type { CredentialClaim } from "@milagro/protocol/channel-credential";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import type { Channel } from "@milagro/runtime/channel/channel";
import { anonymousCredential, type ChannelSelf } from "@milagro/runtime/channel/self";
import { serviceConnector } from "@milagro/runtime/channel/service-connector";
import {
  createServiceFront,
  type ServiceFront,
  type ServiceFrontOptions,
} from "@milagro/runtime/channel/service-front";
import type { Clock } from "@milagro/runtime/clock";
import type { Connector } from "@milagro/runtime/connector";
import type { Log } from "@milagro/runtime/log";
import { systemRandom } from "@milagro/runtime/random";
import type { WorkerPool } from "@milagro/runtime/worker-pool";
import type { OwnIdentity } from "./own-identity.ts";
import type { Tasks } from "./tasks.ts";

export interface KmsChannelsOptions {
  readonly domain: TrustDomain;
  readonly pool: Pick<WorkerPool<Tasks>, "call">;
  readonly clock: Clock;
  readonly log: Log;
  /** The D-KMS's own identity, once it is opened. */
  own(): Pick<OwnIdentity, "signer"> | undefined;
}

export interface KmsChannels {
  /** To the D-TAs, as nobody: requests carry their own evidence, and our keys may not be there yet. */
  readonly connector: Connector;
  /** A port of the D-KMS. Without a key whose signatures count it takes no channels. */
  front(port: Pick<ServiceFrontOptions, "onChannel" | "maxChannels" | "anonymous">): ServiceFront;
}

export function createKmsChannels({ domain, pool, clock, log, own }: KmsChannelsOptions): KmsChannels {
  const verify = (claim: CredentialClaim): Promise<boolean> => pool.call("verifyCredential", claim);
  const common = { domain, clock, random: systemRandom, verify };
  const nobody: ChannelSelf = { ...common, own: anonymousCredential };
  const self: ChannelSelf = {
    ...common,
    own() {
      const signer = own()?.signer();
      if (!signer) throw new TypeError("asked for channels before there are keys");
      return { credential: { kind: "identity", ...signer.author }, sign: signer.sign };
    },
  };
  /** Of D-TAs that have offered themselves, the newest of each. */
  const invitations = new Map<number, { readonly channel: Channel; given: boolean }>();
  const direct = serviceConnector({ domain: () => domain, self: () => nobody });
  const invited = (channel: Channel, index: number): void => {
    channel.on("error", () => {});
    const before = invitations.get(index);
    if (before && !before.given) before.channel.destroy();
    const one = { channel, given: false };
    invitations.set(index, one);
    channel.once("close", () => {
      if (invitations.get(index) === one) invitations.delete(index);
    });
    log.info("a D-TA offers itself while this D-KMS has no keys", { index });
  };
  return {
    connector(url) {
      const index =
        domain.authorities.findIndex(
          ({ entry }) => new URL(entry.url).origin === url.origin && new URL(entry.url).host === url.host,
        ) + 1;
      const one = invitations.get(index);
      if (!one || one.channel.destroyed) return direct(url);
      return {
        key: `invited by dta:${index}`,
        async open() {
          if (one.given) throw new MilagroError("ERR_UNREACHABLE", "this D-TA has offered one connection");
          one.given = true;
          return one.channel;
        },
      };
    },
    front: (port) =>
      createServiceFront({
        ...port,
        self: () => (own()?.signer() ? self : undefined),
        invited: { self: nobody, count: domain.authorities.length, onChannel: invited },
        log,
        // Behind one address there may be a whole site.
        perSecondPerAddress: 200,
      }),
  };
}
