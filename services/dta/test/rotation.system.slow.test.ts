/** A rotation of the `mpin` master at real D-TAs: the ceremony with crashes, what is issued meanwhile and after, updates and who gets none.
 * One file, since what is issued and updated hangs on the one rotation that its D-TAs have been through. */
import { DatabaseSync } from "node:sqlite";
import { utf8 } from "@milagro/crypto/bytes";
import type { IdentityKey } from "@milagro/crypto/identity-key";
import { type MpinIdentity, mpinInput } from "@milagro/crypto/mpin-identity";
import { loginSubject } from "@milagro/crypto/mpin-login";
import type { MpinServerSecret } from "@milagro/crypto/mpin-server-key";
import { type MpinToken, parsePin } from "@milagro/crypto/mpin-token";
import { createToken, updateToken } from "@milagro/crypto/mpin-token-making";
import { beginLogin, drawLoginNonce, verifyLogin } from "@milagro/crypto/mpin-two-pass";
import { parseSignedDescriptor } from "@milagro/protocol/descriptor";
import { finishMpinEnrolment } from "@milagro/protocol/mpin-issuance";
import { finishServerEnrolment } from "@milagro/protocol/mpin-server-issuance";
import { encodePermitRequest, parsePermitAnswer } from "@milagro/protocol/permit-messages";
import type { RotationProposal } from "@milagro/protocol/rotation-messages";
import {
  beginTokenUpdate,
  combineTokenUpdates,
  openTokenUpdate,
  type PendingTokenUpdate,
} from "@milagro/protocol/token-update";
import { encodeTokenUpdateRequest, parseTokenUpdateAnswer } from "@milagro/protocol/token-update-messages";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forgetPastMasters } from "../src/rotation.ts";
import { changePassphrase } from "../src/seal.ts";
import { askFor, beginDevice, enrolDevice, LAPTOP, LOGIN_POLICY, PHONE, SERVER } from "./mpin-support.ts";
import { approve, codeOf, pathOf, proposalOn } from "./rotation-support.ts";
import {
  ask,
  cleanUp,
  engine,
  foundDomain,
  joinToken,
  PASSPHRASE,
  post,
  random,
  request,
  setPolicy,
  startHome,
  stop,
  type TestDomain,
  type TestDta,
} from "./support.ts";

afterAll(cleanUp);

/** A coordinator. @param between - after each step, before its answers are looked at */
async function carry(
  dtas: readonly TestDta[],
  proposal: RotationProposal,
  between: (step: string) => Promise<void> = async () => {},
): Promise<unknown> {
  const all = async (step: string, body?: unknown) => {
    const lost = await Promise.all(dtas.map((dta) => post(dta.http, `${pathOf(proposal)}/${step}`, body)));
    await between(step);
    const again = await Promise.all(dtas.map((dta) => post(dta.http, `${pathOf(proposal)}/${step}`, body)));
    expect(again).toEqual(lost);
    return again;
  };
  const commitments = await all("commit");
  const reveals = await all("commitments", { v: 1, commitments });
  const signatures = await all("reveals", { v: 1, reveals });
  const [signed] = await all("signatures", { v: 1, signatures });
  return signed;
}

describe("the ceremony", () => {
  let world: TestDomain & { dtas: TestDta[] };
  beforeAll(async () => {
    const { clock, dtas, domain } = await foundDomain(2);
    world = { clock, domain, dtas: [...dtas] };
  });

  test("a D-TA that ends after any step goes on with the same messages, and serves the old master until the last, then the new", async () => {
    const proposal = proposalOn(world.domain, world.clock.nowMs);
    for (const dta of world.dtas) await approve(dta, proposal);
    const served: number[] = [];
    const signed = await carry(world.dtas, proposal, async () => {
      const [first, second] = world.dtas as [TestDta, TestDta];
      await stop(first);
      world.dtas.splice(0, 2, await startHome(first.home, world.clock), second);
      served.push(world.dtas[0]?.running.context.now.domain?.masters.at(-1)?.epoch ?? -1);
    });
    expect(served).toEqual([0, 0, 0, 1]);
    const later = verifyDescriptor(engine, random, parseSignedDescriptor(signed), { newest: world.domain });
    for (const { http } of world.dtas) {
      expect((await http.request({ path: "/v1/descriptor" })).body).toEqual(signed);
      const { body } = await http.request({ path: "/v1/descriptors/0" });
      expect(verifyDescriptor(engine, random, parseSignedDescriptor(body)).hash).toEqual(world.domain.hash);
      expect(await codeOf(http.request({ path: "/v1/descriptors/2" }))).toBe("ERR_NOT_FOUND");
    }
    world = { ...world, domain: later };
  });

  test("a database that cannot be written when a D-TA is to adopt leaves it with the old master; asked again it adopts", async () => {
    const [first, second] = world.dtas as [TestDta, TestDta];
    const proposal = proposalOn(world.domain, world.clock.nowMs);
    for (const dta of world.dtas) await approve(dta, proposal);
    const step = (dta: TestDta, name: string, body?: unknown) => post(dta.http, `${pathOf(proposal)}/${name}`, body);
    const both = (name: string, body?: unknown) => Promise.all(world.dtas.map((dta) => step(dta, name, body)));
    const commitments = await both("commit");
    const reveals = await both("commitments", { v: 1, commitments });
    const signatures = await both("reveals", { v: 1, reveals });
    const other = new DatabaseSync(first.home.database);
    other.exec("begin immediate");
    try {
      expect(await codeOf(step(first, "signatures", { v: 1, signatures }))).toBe("ERR_DATABASE_BUSY");
      await step(second, "signatures", { v: 1, signatures });
    } finally {
      other.exec("rollback");
      other.close();
    }
    expect([first, second].map(({ running }) => running.context.now.domain?.signed.descriptor.sequence)).toEqual([
      1, 2,
    ]);
    const signed = await step(first, "signatures", { v: 1, signatures });
    world = {
      ...world,
      domain: verifyDescriptor(engine, random, parseSignedDescriptor(signed), { newest: world.domain }),
    };
    expect(first.running.context.now.domain?.masters.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
  });

  test("without one operator's approval nothing happens; what is given up leaves the old master", async () => {
    const [first, second] = world.dtas as [TestDta, TestDta];
    const proposal = proposalOn(world.domain, world.clock.nowMs);
    await approve(first, proposal);
    await approve(first, proposal);
    expect(await codeOf(approve(first, proposalOn(world.domain, world.clock.nowMs)))).toBe("ERR_CEREMONY_STATE");
    await post(first.http, `${pathOf(proposal)}/commit`);
    expect(await codeOf(post(second.http, `${pathOf(proposal)}/commit`))).toBe("ERR_CEREMONY_UNKNOWN");
    const entries = async () =>
      (await import("@milagro/runtime/key-store"))
        .openKeyStore(first.home.masters, { kind: "dta-masters", passphrase: passphraseFromText(PASSPHRASE), random })
        .then(async (store) => {
          const names = store.names().length;
          await store.close();
          return names;
        });
    const before = await entries();
    await first.admin.request({ method: "DELETE", path: pathOf(proposal) });
    expect(await entries()).toBe(before - 1);
    expect(await codeOf(post(first.http, `${pathOf(proposal)}/commit`))).toBe("ERR_CEREMONY_UNKNOWN");
    expect(first.running.context.now.domain?.masters.at(-1)?.epoch).toBe(2);
  });

  test("a proposal that does not follow, or ends too soon or too late, is not approved; an adopted one not given up", async () => {
    const [first] = world.dtas as [TestDta];
    const { nowMs } = world.clock;
    const good = proposalOn(world.domain, nowMs);
    for (const wrong of [
      { ...good, epoch: 4 },
      { ...good, sequence: 4 },
      { ...good, previous: random(32) },
      { ...good, until: Math.floor(nowMs / 1000) + 59 },
      { ...good, until: Math.floor(nowMs / 1000) + 401 * 86_400 },
    ])
      expect(await codeOf(approve(first, wrong))).toBe("ERR_CEREMONY_STATE");
    const { rotations } = (await first.admin.request({ path: "/v1/rotations" })).body as {
      rotations: { ceremonyId: string; phase: string }[];
    };
    expect(rotations.map(({ phase }) => phase)).toEqual(["adopted", "adopted"]);
    const path = `/v1/rotations/${rotations[0]?.ceremonyId}`;
    expect(await codeOf(first.admin.request({ method: "DELETE", path }))).toBe("ERR_CEREMONY_STATE");
  });

  test("a sealed D-TA draws no share; another passphrase meanwhile is no hindrance", async () => {
    const [first, second] = world.dtas as [TestDta, TestDta];
    const proposal = proposalOn(world.domain, world.clock.nowMs);
    for (const dta of world.dtas) await approve(dta, proposal);
    await post(first.admin, "/v1/seal");
    expect(await codeOf(post(first.http, `${pathOf(proposal)}/commit`))).toBe("ERR_SEALED");
    await post(first.admin, "/v1/unseal", { v: 1, passphrase: PASSPHRASE });
    const [old, next] = [passphraseFromText(PASSPHRASE), passphraseFromText("another passphrase altogether")];
    await changePassphrase(first.running.context, old, next);
    const signed = await carry(world.dtas, proposal);
    expect(parseSignedDescriptor(signed).descriptor.mpin?.epoch).toBe(3);
    await changePassphrase(
      first.running.context,
      passphraseFromText("another passphrase altogether"),
      passphraseFromText(PASSPHRASE),
    );
    await stop(first);
    const again = await startHome(first.home, world.clock);
    world.dtas.splice(0, 2, again, second);
    expect(again.running.context.issuer.sealed).toBe(false);
  });
});

describe("what D-TAs issue across a rotation", () => {
  let world: TestDomain;
  let later: TrustDomain;
  let proposal: RotationProposal;
  let keys: Awaited<ReturnType<typeof enrolDevice>>;
  let otherKey: IdentityKey<"sig">;
  let token: MpinToken;
  let secrets: { readonly before: MpinServerSecret; readonly after: MpinServerSecret };
  let inFlight: Awaited<ReturnType<typeof beginDevice>>;

  const pin = (digits: string) => ({ pin: parsePin(utf8(digits)) });
  const holds = (secret: MpinServerSecret, with_: MpinToken, digits: string): boolean => {
    const context = {
      session: random(32),
      origin: "https://login.example.org",
      client: "shop",
      payloadHash: new Uint8Array(),
    };
    const attempt = beginLogin(engine, random, with_, undefined, context);
    const nonce = drawLoginNonce(random);
    const v = attempt.answer(pin(digits), nonce);
    return verifyLogin(engine, secret, {
      subject: loginSubject(with_.input, undefined),
      context,
      nonce,
      u: attempt.u,
      v,
    });
  };
  async function serverSecret(domain: TrustDomain, master?: number): Promise<MpinServerSecret> {
    const evidence = await Promise.all(
      world.dtas.map(async (dta) => [
        { type: "join-token" as const, token: await joinToken(dta, { identities: SERVER, usages: ["mpin-server"] }) },
      ]),
    );
    const asked = [{ usage: "mpin-server" as const, epoch: 0 as never, ...(master ? { master } : {}) }];
    const enrolment = await request({ ...world, domain }, { identity: SERVER, keys: asked, evidence });
    const answers = await Promise.all(world.dtas.map((dta, i) => ask(dta, enrolment.requests[i])));
    return (await finishServerEnrolment({ engine, random, domain, enrolment, answers })).secret;
  }
  const begin = (change: { identity?: MpinIdentity; key?: IdentityKey<"sig">; from?: number; to?: number } = {}) =>
    beginTokenUpdate({
      engine,
      random,
      domainId: world.domain.domainId,
      identity: LAPTOP,
      from: 0,
      to: 1,
      key: keys.signing.key,
      publicKey: world.domain.publicKey,
      ...change,
    });
  const send = (pending: PendingTokenUpdate, index = 1) =>
    post((world.dtas[index - 1] as TestDta).http, "/v1/mpin/updates", encodeTokenUpdateRequest(pending.request));
  const sent = async (change: Parameters<typeof begin>[0]) => codeOf(send(await begin(change)));
  const permitCode = (master?: number) =>
    codeOf(
      post(
        (world.dtas[0] as TestDta).http,
        "/v1/permits",
        encodePermitRequest({
          v: 1,
          domainId: world.domain.domainId,
          identity: LAPTOP,
          epochs: [world.clock.epoch],
          ...(master ? { master } : {}),
        }),
      ).then(parsePermitAnswer),
    );
  const records = async (action: string) => {
    const { audit, store } = (world.dtas[0] as TestDta).running.context;
    return (await audit.read(store.db, 0, 1000)).filter((entry) => entry.action === action).length;
  };

  beforeAll(async () => {
    world = await foundDomain(3);
    for (const dta of world.dtas) await setPolicy(dta, LOGIN_POLICY);
    keys = await enrolDevice(world, LAPTOP);
    otherKey = (await enrolDevice(world, PHONE)).signing.key;
    token = createToken(engine, keys.secret, pin("2468"));
    const before = await serverSecret(world.domain);
    inFlight = await beginDevice(
      world,
      "milagro:example.org/mpin/login.example.org/alice@example.org/inflight01" as MpinIdentity,
    );
    proposal = proposalOn(world.domain, world.clock.nowMs);
    expect(await sent({})).toBe("ERR_MASTER_AHEAD");
    expect(await codeOf(serverSecret({ ...world.domain, masterEpoch: 1 }, 1))).toBe("ERR_MASTER_AHEAD");
    for (const dta of world.dtas) await approve(dta, proposal);
    later = verifyDescriptor(engine, random, parseSignedDescriptor(await carry(world.dtas, proposal)), {
      newest: world.domain,
    });
    secrets = { before, after: await serverSecret(later, 1) };
  });

  test("a device that was being set up is issued for by the old master still; server secrets are of the new one alone", async () => {
    const answers = [];
    for (const [i, dta] of world.dtas.entries()) {
      const activation = await joinToken(dta, { identities: inFlight.claim.identity, usages: ["mpin", "sig"] });
      answers.push(await askFor(world, inFlight, [{ type: "join-token", token: activation }], i + 1));
    }
    const { secret } = await finishMpinEnrolment({
      engine,
      random,
      domain: world.domain,
      enrolment: inFlight,
      answers,
    });
    const old = createToken(engine, secret, pin("1357"));
    expect([holds(secrets.before, old, "1357"), holds(secrets.after, old, "1357")]).toEqual([true, false]);
    expect(await codeOf(serverSecret(world.domain))).toBe("ERR_ENROLMENT_REFUSED");
    expect([await permitCode(), await permitCode(1), await permitCode(2)]).toEqual(["ok", "ok", "ERR_MASTER_AHEAD"]);
  });

  test("the device's update makes a token that is good at the new server, with the same PIN; who stole the old secret and the old token tests nothing any more", async () => {
    const thief = token;
    expect([holds(secrets.before, thief, "2468"), holds(secrets.before, thief, "2469")]).toEqual([true, false]);
    const pending = await begin();
    const input = mpinInput(world.domain.domainId, LAPTOP, 0 as never);
    const shares = await Promise.all(
      world.dtas.map(async (_, i) => {
        const mpinKey = {
          before: world.domain.authorities[i]?.publicShares.mpin.g1 as never,
          after: later.authorities[i]?.publicShares.mpin.g1 as never,
        };
        const answer = parseTokenUpdateAnswer(await send(pending, i + 1));
        return openTokenUpdate({ engine, input, pending, authority: { index: i + 1, name: "", mpinKey }, answer });
      }),
    );
    const updated = updateToken(engine, token, combineTokenUpdates(engine, shares));
    expect([holds(secrets.after, updated, "2468"), holds(secrets.after, updated, "2469")]).toEqual([true, false]);
    // Neither half of what was stolen fits what is in use now.
    expect(["2468", "2469"].map((digits) => holds(secrets.after, thief, digits))).toEqual([false, false]);
    expect(["2468", "2469"].map((digits) => holds(secrets.before, updated, digits))).toEqual([false, false]);
  });

  test("the same request again is the same answer and no new record, and opens for the device alone", async () => {
    const pending = await begin();
    const before = await records("token-update");
    const answer = await send(pending);
    expect(await records("token-update")).toBe(before + 1);
    expect(await Promise.all([send(pending), send(pending)])).toEqual([answer, answer]);
    expect(await records("token-update")).toBe(before + 1);
    const stranger = await begin({ identity: PHONE, key: otherKey });
    const authority = {
      index: 1,
      name: "dta-1",
      mpinKey: {
        before: world.domain.authorities[0]?.publicShares.mpin.g1 as never,
        after: later.authorities[0]?.publicShares.mpin.g1 as never,
      },
    };
    const input = mpinInput(world.domain.domainId, LAPTOP, 0 as never);
    const open = (with_: PendingTokenUpdate) =>
      openTokenUpdate({ engine, input, pending: with_, authority, answer: parseTokenUpdateAnswer(answer) });
    expect(await codeOf(open({ ...pending, privateKey: stranger.privateKey }))).toBe("ERR_SHARE_INVALID");
    expect(await codeOf(open(pending))).toBe("ok");
  });

  test.each<[string, Parameters<typeof begin>[0], string]>([
    ["a step back", { from: 1, to: 1 }, "ERR_MESSAGE_INVALID"],
    ["a master that is not there yet", { to: 2 }, "ERR_MASTER_AHEAD"],
    [
      "a device that this D-TA has never issued to",
      { identity: "milagro:example.org/mpin/login.example.org/eve@example.org/nobody0001" as MpinIdentity },
      "ERR_POLICY_REFUSED",
    ],
  ])("none for %s", async (_, change, code) => {
    expect(await sent(change)).toBe(code);
  });

  test("none for a stranger, for a request that was changed, in another domain, or for a key that opens for everybody", async () => {
    expect(await sent({ key: otherKey })).toBe("ERR_SIGNATURE_INVALID");
    const pending = await begin();
    const { publicKey } = await (await import("@milagro/crypto/hpke")).generateHpkeKeyPair(random);
    const changed = (change: object) => codeOf(send({ ...pending, request: { ...pending.request, ...change } }));
    expect(await changed({ requestKey: publicKey })).toBe("ERR_SIGNATURE_INVALID");
    expect(await changed({ nonce: random(16) })).toBe("ERR_SIGNATURE_INVALID");
    expect(await changed({ identity: PHONE })).toBe("ERR_SIGNATURE_INVALID");
    expect(await changed({ domainId: random(32) })).toBe("ERR_DOMAIN_MISMATCH");
    expect(await changed({ requestKey: new Uint8Array(32) })).toBe("ERR_HPKE_KEY_INVALID");
  });

  test("none for a device that was denied, which revokes it", async () => {
    const [dta] = world.dtas as [TestDta];
    await post(dta.admin, "/v1/deny", { v: 1, pattern: LAPTOP, reason: "lost" });
    expect(await sent({})).toBe("ERR_IDENTITY_REVOKED");
    await dta.admin.request({ method: "DELETE", path: "/v1/deny", body: { v: 1, pattern: LAPTOP, reason: "found" } });
    expect(await sent({})).toBe("ok");
  });

  test("none once the time is over: the old share is forgotten on disk, the log says so, and a clock set back brings nothing back", async () => {
    const [dta] = world.dtas as [TestDta];
    world.clock.nowMs = proposal.until * 1000;
    expect([await sent({}), await permitCode(), await permitCode(1)]).toEqual([
      "ERR_MASTER_OVER",
      "ERR_MASTER_OVER",
      "ok",
    ]);
    await forgetPastMasters(dta.running.context);
    expect(await records("master-forgotten")).toBe(1);
    await forgetPastMasters(dta.running.context);
    expect(await records("master-forgotten")).toBe(1);
    world.clock.nowMs -= 3_600_000;
    expect([await sent({}), await permitCode(1)]).toEqual(["ERR_MASTER_OVER", "ok"]);
    await stop(dta);
    const again = await startHome(dta.home, world.clock);
    (world.dtas as TestDta[])[0] = again;
    expect([await sent({}), await permitCode(1)]).toEqual(["ERR_MASTER_OVER", "ok"]);
    const { issuer } = again.running.context;
    const before = world.domain.descriptor.authorities[0]?.keys.mpin.g1 as Uint8Array;
    const after = later.descriptor.authorities[0]?.keys.mpin.g1 as Uint8Array;
    const { request: wanted } = await begin();
    expect(await codeOf(issuer.call("tokenUpdate", { request: wanted, before, after }))).toBe("ERR_KEYSTORE_CORRUPT");
  });
});
