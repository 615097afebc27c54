/**
 * The D-TA on channels: its public port proves itself by its statement key, which the domain's descriptor pins; towards the bus it is `dta:<index>`.
 * Who connects may stay nameless: what is asked of a D-TA carries its own evidence. Sealed or without a domain it can prove nothing, and takes no channels.
 * @module
 */
import type { Socket } from "node:net";
import { MilagroError } from "@milagro/engine/error";
import type { Channel } from "@milagro/runtime/channel/channel";
import { anonymousCredential, type ChannelSelf } from "@milagro/runtime/channel/self";
import { addressOf, serviceConnector } from "@milagro/runtime/channel/service-connector";
import { createServiceFront } from "@milagro/runtime/channel/service-front";
import { invite } from "@milagro/runtime/channel/turned";
import type { Connector } from "@milagro/runtime/connector";
import type { HttpServer } from "@milagro/runtime/http-server";
import { type DtaContext, domainOf, type FoundedDomain } from "./context.ts";

export interface DtaChannels {
  /** To the bus as this D-TA, to everybody else as nobody. */
  readonly connector: Connector;
  /** A connection to the public port that begins as a channel does. */
  accept(socket: Socket, server: HttpServer): void;
  /** Offers this D-TA to whoever listens there. @throws as `invite`, `ERR_SEALED`, `ERR_DOMAIN_UNKNOWN` */
  invite(url: URL): Promise<Channel>;
  /** As those of a service's front. */
  stop(): void;
  close(): void;
}

export function createDtaChannels(context: DtaContext): DtaChannels {
  const { issuer, clock, random, log, now } = context;
  const channelDomain = ({ domainId, name, epochSeconds, signed }: FoundedDomain) => ({
    domainId,
    name,
    epochSeconds,
    authorities: signed.descriptor.authorities.map((entry) => ({ entry })),
  });
  let known: { readonly founded: FoundedDomain; readonly self: ChannelSelf; readonly nobody: ChannelSelf } | undefined;

  function selves(founded: FoundedDomain) {
    if (known?.founded === founded) return known;
    const common = {
      domain: channelDomain(founded),
      clock,
      random,
      verify: (claim: Parameters<ChannelSelf["verify"]>[0]) => issuer.call("verifyCredential", claim),
    };
    const credential = { kind: "authority", index: founded.index } as const;
    const sign = (message: Uint8Array): Promise<Uint8Array> => issuer.call("channel", { message });
    known = {
      founded,
      self: { ...common, own: () => ({ credential, sign }) },
      nobody: { ...common, own: anonymousCredential },
    };
    return known;
  }

  let server: HttpServer | undefined;
  const front = createServiceFront({
    self: () => (now.domain && !issuer.sealed ? selves(now.domain).self : undefined),
    anonymous: true,
    log,
    perSecondPerAddress: 200,
    onChannel: (channel) => server?.accept(channel),
  });
  return {
    connector: serviceConnector({
      domain: () => channelDomain(domainOf(context)),
      self: (to) => {
        if (issuer.sealed) throw new MilagroError("ERR_SEALED", "this D-TA is sealed");
        const { self, nobody } = selves(domainOf(context));
        return to.startsWith("dta:") ? nobody : self;
      },
    }),
    accept(socket, to) {
      server = to;
      front.accept(socket);
    },
    invite(url) {
      if (issuer.sealed) throw new MilagroError("ERR_SEALED", "this D-TA is sealed");
      const founded = domainOf(context);
      return invite({ ...addressOf(url), self: selves(founded).self, index: founded.index });
    },
    stop: () => front.stop(),
    close: () => front.close(),
  };
}
