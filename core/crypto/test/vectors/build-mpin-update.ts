/**
 * Vectors of another `mpin` master: each D-TA's part of an update, its proof, and the token that comes of it.
 * @module
 */
import { encodeHex, parseHex } from "../../src/bytes.ts";
import { enrolled } from "./build-mpin.ts";
import { bytesFor, flip, negate, Scheme, type Setting } from "./builder.ts";
import type { VectorFile } from "./runner.ts";

const NO_G1 = `c0${"00".repeat(47)}`;
const OUTSIDE = `80${"00".repeat(46)}04`;
const BOB = "milagro:example/mpin/login.example/bob/d-7";

export async function mpinUpdate(setting: Setting): Promise<VectorFile> {
  const { engine } = setting;
  const e = await enrolled(setting);
  const s = new Scheme(engine, "mpin-update");
  const after = e.secrets.map((_, i) =>
    encodeHex(engine.scalars.encode(engine.scalars.reduce(bytesFor(`mpin after ${i + 1}`, 48)))),
  );
  const publicAfter: string[] = [];
  for (const secret of after)
    publicAfter.push((await e.run("public-share", { scheme: "mpin", secret }))["publicShare"] as string);
  const [b1, b2] = e.publicShares as [string, string];
  const [a1, a2] = publicAfter as [string, string];

  const issue = (i: number, input: string) => ({
    secretBefore: e.secrets[i] as string,
    secretAfter: after[i] as string,
    input,
  });
  const { share, proof } = await s.ok("update share", "mpin-issue-update", issue(0, e.plain));
  const claim = {
    publicShareBefore: b1,
    publicShareAfter: a1,
    input: e.plain,
    share: share as string,
    proof: proof as string,
  };
  await s.ok("the update share's proof holds", "mpin-verify-update", claim);
  const theirs = await e.run("mpin-issue-update", issue(1, e.plain));
  const client = await e.run("mpin-issue-client", { secret: after[0] as string, input: e.plain });
  for (const [name, change] of [
    ["the keys exchanged", { publicShareBefore: a1, publicShareAfter: b1 }],
    ["another D-TA's key before", { publicShareBefore: b2 }],
    ["another D-TA's key after", { publicShareAfter: a2 }],
    ["another D-TA's share", { share: theirs["share"] as string }],
    ["another D-TA's proof", { proof: theirs["proof"] as string }],
    ["a client secret share with its proof", { share: client["share"] as string, proof: client["proof"] as string }],
    ["another identity", { input: await e.inputOf(BOB) }],
    ["the DVS input", { input: e.dvs }],
    ["the negated share", { share: encodeHex(negate(parseHex(claim.share))) }],
    ["a changed proof", { proof: flip(claim.proof, -1) }],
    ["a proof cut short", { proof: claim.proof.slice(2) }],
  ] as const)
    await s.refuse("ERR_SHARE_INVALID", `update share: ${name}`, "mpin-verify-update", { ...claim, ...change });
  for (const [name, bad] of [
    ["the identity element", NO_G1],
    ["outside the group", OUTSIDE],
    ["cut short", claim.share.slice(2)],
  ] as const)
    await s.refuse("ERR_POINT_INVALID", `update share: ${name}`, "mpin-verify-update", { ...claim, share: bad });

  for (const [name, input, more] of [
    ["token updated", e.plain, {}],
    ["DVS token updated", e.dvs, { z: e.z }],
  ] as const) {
    const shares: string[] = [];
    for (const i of e.secrets.keys())
      shares.push((await e.run("mpin-issue-update", issue(i, input)))["share"] as string);
    await s.ok(name, "mpin-update-token", { input, token: await e.token(input, more), shares });
  }
  const token = await e.token(e.plain);
  await s.refuse("ERR_SHARE_INVALID", "token update: no shares", "mpin-update-token", {
    input: e.plain,
    token,
    shares: [],
  });
  const opposite = encodeHex(negate(parseHex(claim.share)));
  await s.refuse("ERR_SHARE_INVALID", "token update: shares that cancel", "mpin-update-token", {
    input: e.plain,
    token,
    shares: [claim.share, opposite],
  });
  return s.file();
}
