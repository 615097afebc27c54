/**
 * A domain of one D-TA with random masters and a descriptor of its own, and parties in it; servers on loopback that end with the test.
 * @module
 */
import { randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { KeyRing } from "@milagro/client/key-ring";
import { signStatement } from "@milagro/crypto/bls";
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import { generateHpkeKeyPair } from "@milagro/crypto/hpke";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import { combineIdentityKeyShares, issueIdentityKeyShare } from "@milagro/crypto/identity-key";
import { generateMasterSecretShare } from "@milagro/crypto/master-secret";
import { createEngine, type RandomBytes } from "@milagro/engine";
import { MilagroError } from "@milagro/engine/error";
import { type MasterSecretShares, makeAuthority } from "@milagro/protocol/authority";
import { ceremonyIdOf } from "@milagro/protocol/ceremony-messages";
import { type DomainDescriptor, encodeDescriptor } from "@milagro/protocol/descriptor";
import { statementBytes } from "@milagro/protocol/statement";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { SUITE } from "@milagro/protocol/versions";
import { onTestFinished } from "vitest";
import {
  anonymousSelf,
  authoritySelf,
  type Channel,
  type ChannelSelf,
  type ChannelServer,
  createServer,
  identitySelf,
  type ServerOptions,
} from "../src/index.ts";

export const random: RandomBytes = (length) => new Uint8Array(randomBytes(length));
export const engine = await createEngine({ random });
export const EPOCH_SECONDS = 3600;

export interface World {
  readonly domain: TrustDomain;
  readonly masters: MasterSecretShares;
  /** May be moved. */
  nowMs: number;
  readonly clock: () => number;
}

export async function makeWorld(name = "example.org"): Promise<World> {
  const make = <S extends keyof MasterSecretShares>(scheme: S) => generateMasterSecretShare(engine, scheme);
  const masters = { id: make("id"), mpin: make("mpin"), cp: make("cp"), kp: make("kp"), statement: make("statement") };
  const member = { index: 1, name: "dta-1", operator: "One", jurisdiction: "CH", url: "https://dta1.example.org" };
  const proposal = { v: 1 as const, name, epochSeconds: EPOCH_SECONDS, members: [member], nonce: random(16) };
  const ceremonyId = ceremonyIdOf(proposal);
  const { publicKey } = await generateHpkeKeyPair(random);
  const authorities = [makeAuthority(engine, masters, publicKey, proposal, ceremonyId, 1)];
  const descriptor: DomainDescriptor = {
    v: 1 as const,
    name,
    suite: SUITE,
    epochSeconds: EPOCH_SECONDS,
    sequence: 0,
    ceremonyId,
    authorities,
  };
  const signature = signStatement(
    engine,
    masters.statement,
    statementBytes("descriptor", encodeDescriptor(descriptor)),
  );
  const domain = verifyDescriptor(engine, random, { v: 1, descriptor, signatures: [signature] });
  // In the middle of an epoch, so that no test stumbles over its end.
  const world = { domain, masters, nowMs: (epochAt(Date.now(), EPOCH_SECONDS) + 0.5) * EPOCH_SECONDS * 1000 };
  return Object.assign(world, { clock: () => world.nowMs });
}

export const world = await makeWorld();
export const ALICE = parseIdentity("milagro:example.org/service/alice");
export const BOB = parseIdentity("milagro:example.org/service/bob");
export const EVERYBODY = ["milagro:example.org/*/**"];

/** A ring with `sig` keys for these epochs (default: the current one). */
export function ringOf(identity: Identity, { masters, domain, nowMs }: World = world, ...shifts: number[]): KeyRing {
  const ring = new KeyRing(domain.domainId, identity);
  for (const shift of shifts.length > 0 ? shifts : [0]) {
    const epoch = (epochAt(nowMs, domain.epochSeconds) + shift) as Epoch;
    const input = identityInput(domain.domainId, "sig", identity, epoch);
    const key = combineIdentityKeyShares(engine, [issueIdentityKeyShare(engine, masters.id, input, "sig")]);
    ring.add([{ usage: "sig", epoch, key }]);
  }
  return ring;
}

const depsOf = ({ domain, clock }: World) => ({ engine, random, clock, domain });
export const party = (identity: Identity, own: World = world, ...shifts: number[]): ChannelSelf =>
  identitySelf({ ...depsOf(own), keys: ringOf(identity, own, ...shifts) });
export const nobody = (own: World = world): ChannelSelf => anonymousSelf(depsOf(own));
export const authority = (own: World = world): ChannelSelf =>
  authoritySelf({
    ...depsOf(own),
    index: 1,
    sign: (message) => signStatement(engine, own.masters.statement, message),
  });

export interface Listening {
  readonly server: ChannelServer;
  readonly port: number;
  readonly host: "127.0.0.1";
  /** What did not become a channel, in order. */
  readonly errors: Error[];
}

/** Bob's server, unless said otherwise. */
export async function listen(
  options: Partial<ServerOptions>,
  onChannel: (channel: Channel) => void = echo,
): Promise<Listening> {
  const server = createServer({ self: party(BOB), allow: EVERYBODY, workers: 0, ...options }, onChannel);
  const errors: Error[] = [];
  server.on("channelError", (error) => errors.push(error));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const channel of server.channels) channel.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { server, port: (server.address() as AddressInfo).port, host: "127.0.0.1", errors };
}

export function echo(channel: Channel): void {
  channel.on("error", () => {});
  channel.pipe(channel);
}

/** Sends, and waits for as many bytes to come back. */
export function ask(channel: Channel, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = "";
    const onData = (chunk: Buffer): void => {
      got += chunk.toString();
      if (got.length < text.length) return;
      channel.off("data", onData);
      resolve(got);
    };
    channel
      .on("data", onData)
      .once("error", reject)
      .once("close", () => reject(new Error("closed")));
    channel.write(text);
  });
}

/** The code of what a promise is rejected with, or "ok". */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "ok";
  } catch (error) {
    if (error instanceof MilagroError) return error.code;
    throw error;
  }
}

/** Waits until something holds that no event tells. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
