/** Channels without an agreement, for devices. */
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import { combineIdentityKeyShares, type IdentityKey, issueIdentityKeyShare } from "@milagro/crypto/identity-key";
import { parseSokName, sokName } from "@milagro/protocol/channel-sok";
import { createSokPeers } from "@milagro/runtime/channel/sok";
import { describe, expect, test } from "vitest";
import { connect, type SokKeys } from "../src/index.ts";
import { ALICE, ask, BOB, codeOf, EPOCH_SECONDS, engine, listen, nobody, world } from "./fixture.ts";

const epoch = epochAt(world.nowMs, EPOCH_SECONDS);

function kexKeys(identity: Identity, claims = identity): SokKeys {
  const keys = new Map<Epoch, IdentityKey<"kex">>();
  const find = (_: "kex", at: Epoch): IdentityKey<"kex"> => {
    const input = identityInput(world.domain.domainId, "kex", identity, at);
    const known =
      keys.get(at) ?? combineIdentityKeyShares(engine, [issueIdentityKeyShare(engine, world.masters.id, input, "kex")]);
    keys.set(at, known);
    return known;
  };
  return { engine, domain: world.domain, identity: claims, find };
}

const alice = kexKeys(ALICE);
const bob = kexKeys(BOB);

test("two devices with nothing but their keys have a channel", async () => {
  const { host, port, server } = await listen({ sok: bob });
  for (let i = 0; i < 2; i++) {
    const channel = await connect({ self: nobody(), sok: alice, to: BOB, host, port });
    expect([channel.origin, channel.peerIdentity]).toEqual(["sok", BOB]);
    expect(await ask(channel, "hello")).toBe("hello");
    expect([...server.channels].map(({ peerName }) => peerName)).toContain(ALICE);
    channel.destroy();
  }
});

describe("there is none", () => {
  test.each<[string, () => Parameters<typeof listen>[0], () => SokKeys]>([
    [
      "with another's key under one's name",
      () => ({ sok: bob }),
      () => kexKeys("milagro:example.org/service/carol" as Identity, ALICE),
    ],
    [
      "at a server with another's key",
      () => ({ sok: kexKeys("milagro:example.org/service/carol" as Identity, BOB) }),
      () => alice,
    ],
    ["where the policy says no", () => ({ sok: bob, allow: ["milagro:example.org/service/carol"] }), () => alice],
    ["for who is revoked", () => ({ sok: bob, revoked: () => true }), () => alice],
    ["at a server that takes agreements and tickets only", () => ({}), () => alice],
  ])("%s", async (_, server, own) => {
    const { host, port } = await listen(server());
    expect(await codeOf(connect({ self: nobody(), sok: own(), to: BOB, host, port }))).not.toBe("ok");
  });

  test("in another epoch, and its key is forgotten", () => {
    const peers = createSokPeers(bob);
    const name = sokName(ALICE, epoch);
    expect(peers.keyOf(name, world.nowMs)).toHaveLength(32);
    expect(() => peers.keyOf(name, world.nowMs + 2 * EPOCH_SECONDS * 1000)).toThrow(
      expect.objectContaining({ code: "ERR_CHANNEL_TICKET" }),
    );
  });

  test.each([
    "milagro-sok1.",
    "milagro-sok1.1.",
    "milagro-sok1.01.service/a",
    "milagro-sok1.1.service",
    "milagro-sok1.1.service/a\0",
    `milagro-sok1.1.service/${"a".repeat(240)}`,
    "milagro-sok2.1.service/a",
  ])("under the name %j", (name) => {
    expect(() => parseSokName(name, "example.org")).toThrow(expect.objectContaining({ code: "ERR_CHANNEL_TICKET" }));
  });
});

test("the key depends on who begins", () => {
  const asResponder = createSokPeers(bob).keyOf(sokName(ALICE, epoch), world.nowMs);
  const reversed = createSokPeers(alice).keyOf(sokName(BOB, epoch), world.nowMs);
  expect(reversed).not.toEqual(asResponder);
});
