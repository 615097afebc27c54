/**
 * `milagro forward`: TCP through channels, from either side.
 * @module
 */
import type { AddressInfo } from "node:net";
import { connect, createServer, createTicketCache } from "@milagro/channel";
import { type ForwardEvent, forwardFar, listenNear } from "@milagro/channel/forward";
import { FORWARD_PROTOCOL } from "@milagro/channel/forward-messages";
import { formatTarget, parseTarget, parseTargetPattern, type TargetPattern } from "@milagro/channel/forward-target";
import { createChannelRegistry } from "@milagro/channel/live-channels";
import { matchesIdentity, parseIdentity, parseIdentityPattern } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import {
  ALLOW_OPTION,
  CHANNEL_OPTIONS,
  parseHostPort,
  parseLocalAddress,
  untilStopped,
  withChannels,
  withControl,
} from "../channel-session.ts";
import type { CommandSpec, Context, Invocation } from "../command.ts";
import { listen } from "./channel-listen.ts";

const ALPN = [FORWARD_PROTOCOL];

export const forward: CommandSpec = {
  name: "forward",
  summary: "forward TCP connections to an identity, or for identities to targets",
  details:
    "Near side (-L or --socks, with --to and --at): listens on this machine and opens a channel for each connection. Far side (--listen):\nconnects on behalf of those whom its rules allow. Nothing is reachable unless a --reach rule or --target says so.",
  options: [
    ...CHANNEL_OPTIONS,
    { flags: "-L, --local <port>", text: "near: [host:]port to listen on; 127.0.0.1 unless a host is given" },
    { flags: "--socks <port>", text: "near: [host:]port for SOCKS 5, where each program says itself where to" },
    { flags: "--to <identity>", text: "near: who the far side is" },
    { flags: "--at <host:port>", text: "near: where the far side listens" },
    {
      flags: "--target <host:port>",
      text: "near: what the far side is to connect to; far: where those go who name no target",
    },
    { flags: "--listen <host:port>", text: "far: where to wait for channels" },
    {
      flags: "--reach <pattern=target>",
      text: "far: an identity pattern, and what it may reach: host:port, *.name:port, network/prefix:port, * for any; may be repeated",
      many: true,
    },
    { ...ALLOW_OPTION, text: `far: who may use --target. ${ALLOW_OPTION.text}` },
  ],
  examples: [
    {
      text: "A database behind another machine, on port 5432 here",
      line: "milagro forward -L 5432 --to milagro:acme/service/gate --at gate.example:7600 --target db.internal:5432",
    },
    {
      text: "Its far side",
      line: "milagro forward --id milagro:acme/service/gate --listen 0.0.0.0:7600 --reach 'milagro:acme/person/*=db.internal:5432'",
    },
    {
      text: "SOCKS for a browser",
      line: "milagro forward --socks 1080 --to milagro:acme/service/gate --at gate.example:7600",
    },
  ],
  run(context, invocation) {
    const near = invocation.text("local") !== undefined || invocation.text("socks") !== undefined;
    const far = invocation.text("listen") !== undefined;
    if (near === far)
      throw new MilagroError("ERR_USAGE", "give -L or --socks for the near side, or --listen for the far side");
    return far ? runFar(context, invocation) : runNear(context, invocation);
  },
};

function said({ note }: Context): (event: ForwardEvent) => void {
  return ({ kind, identity, target, code }) => {
    if (kind !== "failed") return;
    const who = identity === undefined ? "" : `${identity} `;
    note(`${who}${target ? formatTarget(target) : "connection"} failed (${code ?? "unknown"})`);
  };
}

function runNear(context: Context, invocation: Invocation): Promise<number> {
  const to = parseIdentity(invocation.required("to"));
  const at = parseHostPort(invocation.required("at"));
  const named = invocation.text("target");
  const target = named === undefined ? undefined : parseTarget(named);
  const ports = [
    ...optional(invocation.text("local"), (text) => ({ address: parseLocalAddress(text), target })),
    ...optional(invocation.text("socks"), (text) => ({ address: parseLocalAddress(text), target: "socks" as const })),
  ];
  return withChannels(context, invocation, async ({ self, identity }) => {
    const registry = createChannelRegistry();
    const tickets = createTicketCache();
    const dial = async () => {
      const channel = await connect({
        self,
        to,
        ...at,
        ALPNProtocols: ALPN,
        tickets,
        allowHalfOpen: true,
        signal: context.signal,
      });
      registry.add(channel);
      return channel;
    };
    return withControl(context, "forward", identity, registry.list, async () => {
      const servers = await Promise.all(
        ports.map(({ address, target: where }) => listenNear(address, { dial, target: where, event: said(context) })),
      );
      for (const [i, server] of servers.entries()) {
        const { address, port } = server.address() as AddressInfo;
        context.note(`${ports[i]?.target === "socks" ? "SOCKS 5" : "forwarding"} on ${address}:${port} to ${to}`);
      }
      await untilStopped(context.signal);
      for (const server of servers) server.close();
      return 0;
    });
  });
}

function runFar(context: Context, invocation: Invocation): Promise<number> {
  const address = parseHostPort(invocation.required("listen"), 0);
  const rules = invocation.list("reach").map(parseReach);
  const allow = invocation.list("allow");
  const named = invocation.text("target");
  const target = named === undefined ? undefined : parseTarget(named);
  if (rules.length === 0 && !(target && allow.length > 0))
    throw new MilagroError("ERR_USAGE", "say who may reach what: --reach 'pattern=target', or --target with --allow");
  if (target && allow.length === 0)
    throw new MilagroError("ERR_USAGE", "--target on the far side needs --allow: who may use it");
  const mayUseTarget = allow.map(parseIdentityPattern);
  return withChannels(context, invocation, async ({ self, identity }) => {
    const registry = createChannelRegistry();
    const patterns = [...new Set([...allow, ...rules.map(({ identities }) => identities)])];
    const server = createServer({ self, allow: patterns, ALPNProtocols: ALPN, allowHalfOpen: true }, (channel) => {
      registry.add(channel);
      const { peerIdentity } = channel;
      if (peerIdentity === undefined) {
        channel.destroy();
        return;
      }
      void forwardFar(channel, peerIdentity, {
        targetsOf: () =>
          rules
            .filter(({ identities }) => matchesIdentity(identities, parseIdentity(peerIdentity)))
            .map((rule) => rule.target),
        target: mayUseTarget.some((pattern) => matchesIdentity(pattern, parseIdentity(peerIdentity)))
          ? target
          : undefined,
        event: said(context),
      });
    });
    server.on("channelError", (error) =>
      context.note(`refused a connection (${error instanceof MilagroError ? error.code : "ERR_INTERNAL"})`),
    );
    try {
      return await withControl(context, "forward", identity, registry.list, async () => {
        await listen(server, address);
        context.note(`${identity} forwards for others on ${address.host}:${(server.address() as AddressInfo).port}`);
        await untilStopped(context.signal);
        return 0;
      });
    } finally {
      server.closePeers(() => true);
      server.close();
    }
  });
}

interface Reach {
  readonly identities: ReturnType<typeof parseIdentityPattern>;
  readonly target: TargetPattern;
}

function parseReach(text: string): Reach {
  const at = text.indexOf("=");
  if (at < 1)
    throw new MilagroError("ERR_USAGE", "--reach is pattern=target, such as 'milagro:acme/person/*=db.internal:5432'");
  return { identities: parseIdentityPattern(text.slice(0, at)), target: parseTargetPattern(text.slice(at + 1)) };
}

function optional<T>(text: string | undefined, use: (text: string) => T): readonly T[] {
  return text === undefined ? [] : [use(text)];
}
