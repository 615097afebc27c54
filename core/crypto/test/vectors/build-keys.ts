/**
 * Vectors of identities, issuance and statements.
 * @module
 */
import { encodeHex } from "../../src/bytes.ts";
import { ALICE, BOB, bytesFor, EPOCH, flip, hexFor, hexOf, Scheme, type Setting, succeed } from "./builder.ts";
import type { Fields, VectorFile } from "./runner.ts";

export async function identities({ engine, domainId }: Setting): Promise<VectorFile> {
  const s = new Scheme(engine, "identities");
  for (const text of [
    ALICE,
    "milagro:prod.example/device-2/eu/rack-7/host.1",
    "milagro:example/user/Zoë@example.org",
  ]) {
    await s.ok(`parses ${text}`, "parse-identity", { text });
  }
  const bad: [string, string][] = [
    ["empty", ""],
    ["no name", "milagro:example/service"],
    ["empty segment", "milagro:example/service/a//b"],
    ["dot-dot segment", "milagro:example/service/../a"],
    ["capital in the domain", "milagro:Example/service/a"],
    ["space", "milagro:example/service/a b"],
    ["colon in the name", "milagro:example/service/a:b"],
    ["NFD", "milagro:example/user/Zoe\u0308"],
    ["zero-width joiner", "milagro:example/user/a\u200db"],
    ["invisible letter", "milagro:example/user/a\u3164"],
    ["256 bytes", `milagro:example/user/${"a".repeat(235)}`],
  ];
  for (const [name, text] of bad)
    await s.refuse("ERR_IDENTITY_INVALID", `refuses: ${name}`, "parse-identity", { text });
  await s.ok("a star is one segment", "match-pattern", {
    pattern: "milagro:example/*/web-*",
    identity: "milagro:example/service/web-1",
  });
  await s.ok("a star is not two segments", "match-pattern", {
    pattern: "milagro:example/service/*",
    identity: "milagro:example/service/a/b",
  });
  await s.ok("two stars are one or more", "match-pattern", {
    pattern: "milagro:example/service/**",
    identity: "milagro:example/service/a/b",
  });
  for (const pattern of ["milagro:*/service/a", "milagro:example/service/**/a", "milagro:example/service/a*b"]) {
    await s.refuse("ERR_IDENTITY_PATTERN_INVALID", `refuses the pattern ${pattern}`, "match-pattern", {
      pattern,
      identity: ALICE,
    });
  }
  const made = await s.ok("input for enc", "identity-input", { domainId, usage: "enc", identity: ALICE, epoch: EPOCH });
  await s.ok("input for mpin, no expiry", "identity-input", { domainId, usage: "mpin", identity: ALICE, epoch: 0 });
  const input = made["input"] as string;
  await s.ok("an input taken apart", "parse-identity-input", { bytes: input });
  const parse = "parse-identity-input";
  for (const [name, bytes] of [
    ["of another version", flip(input, 0)],
    ["with a wrong usage length", flip(input, 33)],
    ["with an unknown usage", flip(input, 34)],
    ["with a broken identity", flip(input, 40)],
    ["with an epoch past 2^53", `${input.slice(0, -16)}0020000000000000`],
    ["cut short", input.slice(0, -2)],
    ["with a byte too many", `${input}00`],
  ] as const) {
    await s.refuse("ERR_IDENTITY_INVALID", `refuses an input ${name}`, parse, { bytes });
  }
  await s.refuse("ERR_DOMAIN_ID_INVALID", "refuses a domain id of 31 bytes", "identity-input", {
    domainId: domainId.slice(2),
    usage: "enc",
    identity: ALICE,
    epoch: EPOCH,
  });
  await s.refuse("ERR_EPOCH_INVALID", "refuses an epoch below 0", "identity-input", {
    domainId,
    usage: "enc",
    identity: ALICE,
    epoch: -1,
  });
  await s.refuse("ERR_USAGE_INVALID", "refuses an unknown usage", "identity-input", {
    domainId,
    usage: "ENC",
    identity: ALICE,
    epoch: EPOCH,
  });
  return s.file();
}

export async function issuance(setting: Setting): Promise<VectorFile> {
  const { engine, publicKey, secrets, publicShares } = setting;
  const [secret, other] = secrets as [string, string];
  const [published, second] = publicShares as [string, string];
  const s = new Scheme(engine, "issuance");
  const context = { domain: "example", index: 2, count: 3, ceremonyId: hexFor("ceremony", 32) };
  for (const scheme of ["id", "mpin", "cp", "kp", "statement"]) {
    const { publicShare } = await s.ok(`${scheme}: public share`, "public-share", { scheme, secret });
    const { proof } = await s.ok(`${scheme}: proof`, "prove-possession", { scheme, secret, ...context });
    const claim = { scheme, publicShare: publicShare as string, proof: proof as string, ...context };
    const check = (name: string, change: Fields): Promise<void> =>
      s.refuse("ERR_PUBLIC_KEY_INVALID", `${scheme}: ${name}`, "verify-possession", { ...claim, ...change });
    await s.ok(`${scheme}: the proof holds`, "verify-possession", claim);
    await check("a proof for another place", { index: 1 });
    await check("a proof for another ceremony", { ceremonyId: hexFor("another", 32) });
    await check("a proof changed", { proof: flip(proof as string, -1) });
    await check("a proof cut short", { proof: (proof as string).slice(2) });
    const stranger = await succeed(engine, "public-share", { scheme, secret: other });
    await check("a proof for another key", { publicShare: stranger["publicShare"] as string });
  }
  const statement = await succeed(engine, "public-share", { scheme: "statement", secret });
  await s.refuse("ERR_PUBLIC_KEY_INVALID", "mpin: a public share in G2", "verify-possession", {
    scheme: "mpin",
    publicShare: statement["publicShare"] as string,
    proof: hexFor("x", 80),
    ...context,
  });
  for (const [name, value] of [
    ["zero", "00".repeat(32)],
    ["the order", "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001"],
    ["31 bytes", secret.slice(2)],
  ] as const) {
    await s.refuse("ERR_SCALAR_INVALID", `a master secret share of ${name}`, "public-share", {
      scheme: "id",
      secret: value,
    });
  }
  await s.ok("the domain's public key", "combine-public-shares", { scheme: "id", shares: publicShares });
  const mixed = published.slice(0, 96) + second.slice(96);
  for (const [name, shares] of [
    ["no shares", []],
    ["equal shares", [published, second, published]],
    ["halves of different scalars", [mixed]],
    ["halves exchanged", [published.slice(96) + published.slice(0, 96)]],
    ["a point that is none", [flip(published, 60), second]],
  ] as const) {
    await s.refuse("ERR_PUBLIC_KEY_INVALID", `public key of ${name}`, "combine-public-shares", {
      scheme: "id",
      shares,
    });
  }
  for (const usage of ["enc", "sig", "kex"]) {
    const input = await setting.input(usage, ALICE);
    const { share } = await s.ok(`${usage}: a share`, "issue", { secret, usage, input });
    const fields = { usage, input, publicShare: published, share: share as string };
    await s.ok(`${usage}: the share is right`, "verify-share", fields);
    await s.refuse("ERR_SHARE_INVALID", `${usage}: a share of another D-TA`, "verify-share", {
      ...fields,
      publicShare: second,
    });
    await s.refuse("ERR_SHARE_INVALID", `${usage}: a share of another epoch`, "verify-share", {
      ...fields,
      input: await setting.input(usage, ALICE, EPOCH + 1),
    });
    await s.refuse("ERR_POINT_INVALID", `${usage}: a share cut short`, "verify-share", {
      ...fields,
      share: (share as string).slice(2),
    });
    const shares = await setting.shares(usage, ALICE);
    const whole = { usage, input, publicKey, shares };
    const stranger = await setting.shares(usage, BOB);
    await s.ok(`${usage}: the key`, "combine-shares", whole);
    await s.refuse("ERR_SHARE_INVALID", `${usage}: a share missing`, "combine-shares", {
      ...whole,
      shares: shares.slice(1),
    });
    await s.refuse("ERR_SHARE_INVALID", `${usage}: a share of another identity`, "combine-shares", {
      ...whole,
      shares: [...shares.slice(1), stranger[0] as string],
    });
    await s.refuse("ERR_SHARE_INVALID", `${usage}: no shares`, "combine-shares", { ...whole, shares: [] });
  }
  const anothers = { usage: "enc", input: await setting.input("sig", ALICE), publicShare: published };
  const [share] = (await setting.shares("sig", ALICE)) as [string];
  await s.refuse("ERR_SHARE_INVALID", "a share under another usage's name", "verify-share", { ...anothers, share });
  return s.file();
}

export async function statements({ engine }: Setting): Promise<VectorFile> {
  const s = new Scheme(engine, "statements");
  const secret = encodeHex(engine.scalars.encode(engine.scalars.reduce(bytesFor("statement", 48))));
  const stranger = encodeHex(engine.scalars.encode(engine.scalars.reduce(bytesFor("stranger", 48))));
  const keyOf = async (of: string): Promise<string> =>
    (await succeed(engine, "public-share", { scheme: "statement", secret: of }))["publicShare"] as string;
  const publicKey = await keyOf(secret);
  for (const text of ["", "log head 17"]) {
    const message = hexOf(text);
    const { signature } = await s.ok(`signs "${text}"`, "sign-statement", { secret, message });
    const claim = { publicKey, message, signature: signature as string };
    const refuse = (name: string, change: Fields): Promise<void> =>
      s.refuse("ERR_SIGNATURE_INVALID", `"${text}": ${name}`, "verify-statement", { ...claim, ...change });
    await s.ok(`verifies "${text}"`, "verify-statement", claim);
    await refuse("another message", { message: hexOf("log head 18") });
    await refuse("another key", { publicKey: await keyOf(stranger) });
    await refuse("a changed signature", { signature: flip(signature as string, -1) });
    await refuse("a signature cut short", { signature: (signature as string).slice(2) });
    await refuse("the identity element", { signature: `c0${"00".repeat(47)}` });
    await refuse("no signature", { signature: "" });
  }
  return s.file();
}
