/**
 * Vectors of M-Pin: issuance, logins of all variants, M-Pin Full.
 * @module
 */
import { encodeHex, parseHex } from "../../src/bytes.ts";
import { bytesFor, EPOCH, flip, hexFor, hexOf, negate, Scheme, type Setting, succeed } from "./builder.ts";
import type { Fields, VectorFile } from "./runner.ts";

const ALICE = "milagro:example/mpin/login.example/alice@example.org/d-1";
const BOB = "milagro:example/mpin/login.example/bob/d-7";
const NO_G1 = `c0${"00".repeat(47)}`;
const NO_G2 = `c0${"00".repeat(95)}`;
const OUTSIDE = `80${"00".repeat(46)}04`;
const SERVER = "milagro:example/service/login";
const LOGIN = "ERR_LOGIN_REFUSED";
const SHARE = "ERR_SHARE_INVALID";

/** What enrolment leaves behind, made once per file by the operations themselves. */
export async function enrolled({ engine, domainId }: Setting) {
  const run = (operation: string, input: Fields) => succeed(engine, operation, input);
  const secrets = [1, 2, 3].map((i) =>
    encodeHex(engine.scalars.encode(engine.scalars.reduce(bytesFor(`mpin ${i}`, 48)))),
  );
  const publicShares: string[] = [];
  for (const secret of secrets) {
    publicShares.push((await run("public-share", { scheme: "mpin", secret }))["publicShare"] as string);
  }
  const z = encodeHex(engine.scalars.encode(engine.scalars.reduce(bytesFor("mpin z", 48))));
  const inputOf = async (identity: string, epoch = EPOCH, more: Fields = {}): Promise<string> =>
    (await run("mpin-input", { domainId, identity, epoch, ...more }))["input"] as string;
  const plain = await inputOf(ALICE);
  const dvsKey = encodeHex(
    engine.g2.encode(
      engine.g2.multiplySecret(engine.g2.generator, engine.scalars.invert(engine.scalars.decode(parseHex(z)))),
    ),
  );
  const dvs = await inputOf(ALICE, EPOCH, { dvsKey });
  const sumOfMasters = secrets
    .map((secret) => engine.scalars.decode(parseHex(secret)))
    .reduce((a, b) => engine.scalars.add(a, b));
  const serverSecret = encodeHex(engine.g2.encode(engine.g2.multiplySecret(engine.g2.generator, sumOfMasters)));
  const clientSecret = async (input: string): Promise<string> => {
    const shares: string[] = [];
    for (const secret of secrets) shares.push((await run("mpin-issue-client", { secret, input }))["share"] as string);
    return (await run("mpin-combine-client", { input, shares }))["clientSecret"] as string;
  };
  const permitFor = async (input: string, epoch: number): Promise<string> => {
    const wanted = (await run("mpin-permit-input", { input, epoch }))["permitInput"] as string;
    const base = engine.g1.hash(parseHex(wanted), "MILAGRO-V1-PERMIT-BLS12381G1_XMD:SHA-256_SSWU_RO_");
    return encodeHex(engine.g1.encode(engine.g1.multiplySecret(base, sumOfMasters)));
  };
  const token = async (input: string, more: Fields = {}): Promise<string> =>
    (await run("mpin-token", { input, clientSecret: await clientSecret(input), pin: "1234", ...more }))[
      "token"
    ] as string;
  return { secrets, publicShares, z, dvsKey, plain, dvs, inputOf, serverSecret, clientSecret, permitFor, token, run };
}

export async function mpinIssuance(setting: Setting): Promise<VectorFile> {
  const { engine, domainId } = setting;
  const e = await enrolled(setting);
  const s = new Scheme(engine, "mpin-issuance");
  const [secret, other] = e.secrets as [string, string];
  const [publicShare, second] = e.publicShares as [string, string];
  await s.ok("plain input", "mpin-input", { domainId, identity: ALICE, epoch: EPOCH });
  await s.ok("DVS input", "mpin-input", { domainId, identity: ALICE, epoch: EPOCH, dvsKey: e.dvsKey });
  await s.ok("a DVS input taken apart", "mpin-parse-input", { bytes: e.dvs });
  for (const [name, bytes] of [
    ["of another version", `03${e.plain.slice(2)}`],
    ["of the DVS version without a key", `02${e.plain.slice(2)}`],
    ["with a key and the plain version", `01${e.dvs.slice(2)}`],
    ["of another usage", await setting.input("sig", ALICE)],
    ["of another kind of identity", await setting.input("mpin", "milagro:example/user/carol")],
    ["cut short", e.plain.slice(2)],
  ] as const) {
    await s.refuse("ERR_IDENTITY_INVALID", `refuses an input ${name}`, "mpin-parse-input", { bytes });
  }
  const key = "ERR_PUBLIC_KEY_INVALID";
  const g2 = encodeHex(engine.g2.encode(engine.g2.generator));
  for (const [name, point] of [
    ["the identity element", NO_G2],
    ["g2", g2],
    ["no point", `00${e.dvsKey.slice(2)}`],
  ] as const) {
    await s.refuse(key, `refuses a DVS input with ${name}`, "mpin-parse-input", {
      bytes: e.dvs.slice(0, -192) + point,
    });
  }
  const { permitInput } = await s.ok("permit input", "mpin-permit-input", { input: e.plain, epoch: EPOCH });
  await s.refuse("ERR_EPOCH_INVALID", "refuses a permit without expiry", "mpin-permit-input", {
    input: e.plain,
    epoch: 0,
  });

  const { share, proof } = await s.ok("client secret share", "mpin-issue-client", { secret, input: e.plain });
  const claim = { publicShare, input: e.plain, share: share as string, proof: proof as string };
  await s.ok("the share's proof holds", "mpin-verify-client", claim);
  const theirs = await succeed(engine, "mpin-issue-client", { secret: other, input: e.plain });
  const bob = await e.inputOf(BOB);
  for (const [name, change] of [
    ["another D-TA's key", { publicShare: second }],
    ["another D-TA's share", { share: theirs["share"] as string }],
    ["another D-TA's proof", { proof: theirs["proof"] as string }],
    ["another identity", { input: bob }],
    ["another epoch", { input: await e.inputOf(ALICE, EPOCH + 1) }],
    ["the DVS input", { input: e.dvs }],
    ["a changed proof", { proof: flip(claim.proof, -1) }],
    ["a proof cut short", { proof: claim.proof.slice(2) }],
  ] as const) {
    await s.refuse(SHARE, `client secret share: ${name}`, "mpin-verify-client", { ...claim, ...change });
  }
  await s.refuse("ERR_POINT_INVALID", "client secret share: the identity element", "mpin-verify-client", {
    ...claim,
    share: NO_G1,
  });
  await s.refuse("ERR_POINT_INVALID", "client secret share: outside the group", "mpin-verify-client", {
    ...claim,
    share: OUTSIDE,
  });
  const shares: string[] = [];
  for (const master of e.secrets) {
    shares.push((await e.run("mpin-issue-client", { secret: master, input: e.plain }))["share"] as string);
  }
  await s.ok("client secret", "mpin-combine-client", { input: e.plain, shares });
  await s.refuse(SHARE, "no shares", "mpin-combine-client", { input: e.plain, shares: [] });
  const opposite = encodeHex(negate(parseHex(shares[0] as string)));
  await s.refuse(SHARE, "shares that cancel", "mpin-combine-client", {
    input: e.plain,
    shares: [shares[0] as string, opposite],
  });

  const server = await s.ok("server secret share", "mpin-issue-server", { secret });
  await s.ok("the server secret share is the D-TA's", "mpin-verify-server", {
    publicShare,
    share: server["share"] as string,
  });
  await s.refuse(SHARE, "another D-TA's server secret share", "mpin-verify-server", {
    publicShare: second,
    share: server["share"] as string,
  });
  await s.refuse("ERR_POINT_INVALID", "server secret share: the identity element", "mpin-verify-server", {
    publicShare,
    share: NO_G2,
  });

  const next = (await e.run("mpin-permit-input", { input: e.plain, epoch: EPOCH + 1 }))["permitInput"] as string;
  const permitInputs = [permitInput as string, next];
  const permits = await s.ok("time permit shares of two epochs", "mpin-issue-permits", { secret, permitInputs });
  const answer = {
    publicShare,
    permitInputs,
    shares: permits["shares"] as string[],
    proof: permits["proof"] as string,
  };
  await s.ok("their proof holds", "mpin-verify-permits", answer);
  const exchanged = [...answer.shares].reverse();
  await s.refuse(SHARE, "permits: shares exchanged", "mpin-verify-permits", { ...answer, shares: exchanged });
  await s.refuse(SHARE, "permits: epochs exchanged", "mpin-verify-permits", {
    ...answer,
    permitInputs: [next, permitInput as string],
  });
  await s.refuse(SHARE, "permits: one left out", "mpin-verify-permits", {
    ...answer,
    permitInputs: [permitInput as string],
  });
  await s.refuse(SHARE, "permits: the proof of a client secret share", "mpin-verify-permits", {
    ...answer,
    proof: claim.proof,
  });

  const dvs = await s.ok("proof of a DVS key", "mpin-prove-dvs", { z: e.z, input: e.dvs });
  const dvsClaim = { input: e.dvs, proof: dvs["proof"] as string };
  await s.ok("the proof of the DVS key holds", "mpin-verify-dvs", dvsClaim);
  const otherName = await e.inputOf(BOB, EPOCH, { dvsKey: e.dvsKey });
  await s.refuse(key, "DVS key: another identity", "mpin-verify-dvs", { ...dvsClaim, input: otherName });
  await s.refuse(key, "DVS key: a plain input", "mpin-verify-dvs", { ...dvsClaim, input: e.plain });
  await s.refuse(key, "DVS key: a changed proof", "mpin-verify-dvs", { ...dvsClaim, proof: flip(dvsClaim.proof, -1) });
  await s.refuse(key, "DVS key: R the identity element", "mpin-verify-dvs", {
    ...dvsClaim,
    proof: NO_G2 + dvsClaim.proof.slice(192),
  });
  await s.refuse("ERR_PUBLIC_KEY_INVALID", "DVS key: z = 1", "mpin-prove-dvs", {
    z: `${"00".repeat(31)}01`,
    input: e.dvs,
  });
  await s.refuse("ERR_SCALAR_INVALID", "DVS key: z = 0", "mpin-prove-dvs", { z: "00".repeat(32), input: e.dvs });
  await signingShares(s, setting, secret, publicShare);
  return s.file();
}

/** A device's signing key of epoch 0: its shares come with a proof, too. @param publicShare - `secret·g1` */
async function signingShares(s: Scheme, setting: Setting, secret: string, publicShare: string): Promise<void> {
  const input = await setting.input("sig", ALICE, 0);
  const { share, proof } = await s.ok("signing key share", "mpin-issue-signing", { secret, input });
  const claim = { publicShare, input, share: share as string, proof: proof as string };
  await s.ok("the signing key share's proof holds", "mpin-verify-signing", claim);
  const client = await succeed(setting.engine, "mpin-issue-client", {
    secret,
    input: (await succeed(setting.engine, "mpin-input", { domainId: setting.domainId, identity: ALICE, epoch: 0 }))[
      "input"
    ] as string,
  });
  for (const [name, change] of [
    ["another epoch", { input: await setting.input("sig", ALICE, 1) }],
    ["another usage", { input: await setting.input("enc", ALICE, 0) }],
    ["another identity", { input: await setting.input("sig", BOB, 0) }],
    ["a client secret share with its proof", { share: client["share"] as string, proof: client["proof"] as string }],
    ["a changed proof", { proof: flip(claim.proof, -1) }],
    ["a proof cut short", { proof: claim.proof.slice(2) }],
  ] as const) {
    await s.refuse(SHARE, `signing key share: ${name}`, "mpin-verify-signing", { ...claim, ...change });
  }
  await s.refuse("ERR_POINT_INVALID", "signing key share: the identity element", "mpin-verify-signing", {
    ...claim,
    share: NO_G1,
  });
}

export async function mpinLogin(setting: Setting): Promise<VectorFile> {
  const e = await enrolled(setting);
  const s = new Scheme(setting.engine, "mpin-login");
  const clientSecret = await e.clientSecret(e.plain);
  const made = await s.ok("token", "mpin-token", { input: e.plain, clientSecret, pin: "1234" });
  const token = made["token"] as string;
  const deviceFactor = hexFor("mpin factor", 32);
  const withFactor = await s.ok("token with a device factor", "mpin-token", {
    input: e.plain,
    clientSecret,
    pin: "01234567",
    deviceFactor,
  });
  const dvsSecret = await e.clientSecret(e.dvs);
  const dvsMade = await s.ok("token of a DVS user", "mpin-token", {
    input: e.dvs,
    clientSecret: dvsSecret,
    pin: "1234",
    z: e.z,
  });
  await s.ok("change of PIN", "mpin-change-pin", { input: e.plain, token, pin: "1234", newPin: "567890" });
  for (const [name, pin] of [
    ["of 3 digits", "123"],
    ["of 9 digits", "123456789"],
    ["with a letter", "12a4"],
  ] as const) {
    await s.refuse("ERR_PIN_INVALID", `a PIN ${name}`, "mpin-token", { input: e.plain, clientSecret, pin });
  }
  await s.refuse("ERR_PIN_INVALID", "a new PIN of 3 digits", "mpin-change-pin", {
    input: e.plain,
    token,
    pin: "1234",
    newPin: "123",
  });

  const context = {
    session: hexFor("mpin session", 16),
    origin: "https://login.example",
    client: "shop",
    payloadHash: "",
  };
  const nonce = hexFor("mpin nonce", 32);
  const proveBase = { input: e.plain, token, pin: "1234", random: hexFor("mpin x", 32), nonce, ...context };
  const log = async (name: string, change: Fields = {}): Promise<Fields> => {
    const input = { ...proveBase, ...change } as typeof proveBase & Fields;
    const { u, v } = await s.ok(`client: ${name}`, "mpin-login", input);
    const { token: _, pin: __, random: ___, deviceFactor: ____, permit: _____, ...public_ } = input;
    return { serverSecret: e.serverSecret, ...public_, u: u as string, v: v as string };
  };
  const good = await log("login");
  const permit = { permit: await e.permitFor(e.plain, EPOCH), permitEpoch: EPOCH };
  const permitted = await log("login with a time permit", permit);
  const payload = await log("login that approves a payload", { payloadHash: hexFor("payload", 32) });
  const factored = await log("login with a device factor", {
    token: withFactor["token"] as string,
    pin: "01234567",
    deviceFactor,
  });
  const dvs = await log("login of a DVS user", { input: e.dvs, token: dvsMade["token"] as string });
  const dvsPermit = {
    input: e.dvs,
    token: dvsMade["token"] as string,
    permit: await e.permitFor(e.dvs, EPOCH),
    permitEpoch: EPOCH,
  };
  const dvsPermitted = await log("login of a DVS user with a time permit", dvsPermit);
  const wrongPin = await log("login with a wrong PIN: an answer like any other", { pin: "1235" });
  const verify = "mpin-verify-login";
  for (const [name, claim] of [
    ["login", good],
    ["time permit", permitted],
    ["payload", payload],
    ["device factor", factored],
    ["DVS", dvs],
    ["DVS with a time permit", dvsPermitted],
  ] as const) {
    await s.ok(`server: ${name}`, verify, claim);
  }
  await s.refuse(LOGIN, "server: wrong PIN", verify, wrongPin);
  const [u, v] = [good["u"], good["v"]] as [string, string];
  for (const [name, change] of [
    ["another session", { session: hexFor("other session", 16) }],
    ["another origin", { origin: "https://login.example.evil" }],
    ["another application", { client: "bank" }],
    ["another payload", { payloadHash: hexFor("payload", 32) }],
    ["another nonce", { nonce: hexFor("other nonce", 32) }],
    ["another user", { input: await e.inputOf(BOB) }],
    ["another epoch", { input: await e.inputOf(ALICE, EPOCH + 1) }],
    ["the DVS user of the same name", { input: e.dvs }],
    ["a demanded permit", { permitEpoch: EPOCH }],
    ["U and V exchanged", { u: v, v: u }],
    ["U the identity element", { u: NO_G1 }],
    ["V the identity element", { v: NO_G1 }],
    ["U outside the group", { u: OUTSIDE }],
    ["V outside the group", { v: OUTSIDE }],
    ["V negated", { v: encodeHex(negate(parseHex(v))) }],
    ["V cut short", { v: v.slice(2) }],
  ] as const) {
    await s.refuse(LOGIN, `server: ${name}`, verify, { ...good, ...change });
  }
  await s.refuse(LOGIN, "server: permit of another epoch", verify, { ...permitted, permitEpoch: EPOCH + 1 });
  await s.refuse(LOGIN, "server: permit not demanded", verify, omit(permitted, "permitEpoch"));
  await s.refuse(LOGIN, "server: DVS login as the plain user", verify, { ...dvs, input: e.plain });
  await s.refuse("ERR_ENCODING_INVALID", "server: a nonce of 31 bytes", verify, { ...good, nonce: nonce.slice(2) });

  const entries = [good, wrongPin, dvs, { ...good, v: u }, permitted].map((claim, i) => ({
    ...omit(claim, "serverSecret"),
    source: i % 2 === 1 ? "flood" : "user",
  }));
  await s.ok("batch", "mpin-verify-batch", { serverSecret: e.serverSecret, refusalsPerSource: 8, entries });
  await s.ok("batch with a limit of one refusal", "mpin-verify-batch", {
    serverSecret: e.serverSecret,
    refusalsPerSource: 1,
    entries,
  });

  const message = { origin: "https://login.example", client: "bank", message: hexOf("pay 10 to bob") };
  const time = 1_800_000_000;
  const proveOne = { input: e.plain, token, pin: "1234", random: hexFor("mpin one", 32), time, ...message };
  const one = await s.ok("one pass", "mpin-one-pass", proveOne);
  const proof = one["proof"] as string;
  const oneClaim = { serverSecret: e.serverSecret, input: e.plain, ...message, proof, nowMs: time * 1000, window: 30 };
  const onePass = "mpin-verify-one-pass";
  await s.ok("server: one pass", onePass, oneClaim);
  const wrongOne = await s.ok("one pass with a wrong PIN", "mpin-one-pass", { ...proveOne, pin: "4321" });
  for (const [name, change] of [
    ["wrong PIN", { proof: wrongOne["proof"] as string }],
    ["another message", { message: hexOf("pay 1000 to bob") }],
    ["another origin", { origin: "https://evil.example" }],
    ["another application", { client: "shop" }],
    ["another user", { input: await e.inputOf(BOB) }],
    ["a demanded permit", { permitEpoch: EPOCH }],
    ["another time", { proof: flip(proof, 7) }],
    ["too late", { nowMs: (time + 31) * 1000 }],
    ["too early", { nowMs: (time - 31) * 1000 }],
    ["U and V exchanged", { proof: proof.slice(0, 16) + proof.slice(112) + proof.slice(16, 112) }],
    ["V the identity element", { proof: proof.slice(0, 112) + NO_G1 }],
    ["cut short", { proof: proof.slice(2) }],
  ] as const) {
    await s.refuse(LOGIN, `server: one pass: ${name}`, onePass, { ...oneClaim, ...change });
  }
  return s.file();
}

export async function mpinFull(setting: Setting): Promise<VectorFile> {
  const e = await enrolled(setting);
  const s = new Scheme(setting.engine, "mpin-full");
  const context = {
    server: SERVER,
    session: hexFor("full session", 16),
    origin: "https://login.example",
    client: "vpn",
    payloadHash: "",
  };
  const serverRandom = hexFor("full server", 48 + 32);
  const agree = async (name: string, input: string, more: Fields = {}, serverMore: Fields = {}): Promise<Fields> => {
    const offer = await s.ok(`offer: ${name}`, "mpin-full-offer", { input, random: serverRandom, ...serverMore });
    const [nonce, w] = [offer["nonce"], offer["w"]] as [string, string];
    const token = await e.token(input, input === e.dvs ? { z: e.z } : {});
    const random = hexFor("full client", 64);
    const client = { input, token, pin: "1234", random, nonce, w, ...context, ...more };
    const { u, r, v, confirmation } = (await s.ok(`client: ${name}`, "mpin-full", client)) as Record<string, string>;
    const claim = { serverSecret: e.serverSecret, input, random: serverRandom, ...context, ...serverMore };
    return { ...claim, u: u as string, r: r as string, v: v as string, confirmation: confirmation as string };
  };
  const good = await agree("plain", e.plain);
  const permit = { permit: await e.permitFor(e.plain, EPOCH), permitEpoch: EPOCH };
  const permitted = await agree("with a time permit", e.plain, permit, { permitEpoch: EPOCH });
  const dvs = await agree("DVS", e.dvs);
  const accept = "mpin-full-accept";
  await s.ok("server: plain", accept, good);
  await s.ok("server: with a time permit", accept, permitted);
  await s.ok("server: DVS", accept, dvs);
  const [u, r, v, confirmation] = [good["u"], good["r"], good["v"], good["confirmation"]] as [
    string,
    string,
    string,
    string,
  ];
  for (const [name, change] of [
    ["another server", { server: "milagro:example/service/other" }],
    ["another session", { session: hexFor("other session", 16) }],
    ["another origin", { origin: "https://evil.example" }],
    ["another application", { client: "shop" }],
    ["another payload", { payloadHash: hexFor("payload", 32) }],
    ["another offer", { random: hexFor("other server", 80) }],
    ["another user", { input: await e.inputOf(BOB) }],
    ["a demanded permit", { permitEpoch: EPOCH }],
    ["U and R exchanged", { u: r, r: u }],
    ["U the identity element", { u: NO_G1 }],
    ["R the identity element", { r: NO_G1 }],
    ["R outside the group", { r: OUTSIDE }],
    ["V the identity element", { v: NO_G1 }],
    ["V negated", { v: encodeHex(negate(parseHex(v))) }],
    ["a changed confirmation", { confirmation: flip(confirmation, 0) }],
    ["no confirmation", { confirmation: "" }],
    ["the DVS user of the same name", { input: e.dvs }],
  ] as const) {
    await s.refuse(LOGIN, `server: ${name}`, accept, { ...good, ...change });
  }
  await s.refuse(LOGIN, "server: permit of another epoch", accept, { ...permitted, permitEpoch: EPOCH + 1 });
  const client = {
    input: e.plain,
    token: await e.token(e.plain),
    pin: "1234",
    random: hexFor("full client", 64),
    ...context,
  };
  await s.refuse("ERR_POINT_INVALID", "client: W the identity element", "mpin-full", {
    ...client,
    nonce: hexFor("n", 32),
    w: NO_G1,
  });
  await s.refuse("ERR_POINT_INVALID", "client: W outside the group", "mpin-full", {
    ...client,
    nonce: hexFor("n", 32),
    w: OUTSIDE,
  });
  await s.refuse("ERR_ENCODING_INVALID", "client: a nonce of 31 bytes", "mpin-full", {
    ...client,
    nonce: hexFor("n", 31),
    w: u,
  });
  return s.file();
}

function omit(fields: Fields, name: string): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name));
}
