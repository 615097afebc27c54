/**
 * Checking M-Pin logins: one by one and in batches of 8, 32 and 128, beside the same code on the noble engine, the same check by the
 * original Milagro's JavaScript, and what a password server does instead: Argon2id at OWASP's settings (19 MiB, two passes, one
 * lane), through Node's own OpenSSL.
 *
 * A check is everything a server does with two points from outside: decompression, subgroup checks, the hash of the
 * identity (each login from another device) and the pairing product. `checks/s` are per core: one thread does it all.
 * @module
 */
import { argon2Sync, randomBytes } from "node:crypto";
import { parseDomainId } from "@milagro/crypto/domain-id";
import { parseEpoch } from "@milagro/crypto/epoch";
import { generateMasterSecretShare } from "@milagro/crypto/master-secret";
import { type BatchEntry, verifyLoginBatch } from "@milagro/crypto/mpin-batch";
import { type MpinInput, mpinIdentity, mpinInput } from "@milagro/crypto/mpin-identity";
import { combineClientSecretShares, issueClientSecretShare } from "@milagro/crypto/mpin-key";
import { loginSubject } from "@milagro/crypto/mpin-login";
import { combineServerSecretShares, issueServerSecretShare } from "@milagro/crypto/mpin-server-key";
import { parsePin } from "@milagro/crypto/mpin-token";
import { createToken } from "@milagro/crypto/mpin-token-making";
import { beginLogin, drawLoginNonce, type LoginClaim, openLogin, verifyLogin } from "@milagro/crypto/mpin-two-pass";
import { createEngine, type Engine } from "@milagro/engine";
import type { Reporter, Run } from "../harness/reporter.ts";
import { amclLoginCheck } from "../peers/amcl.ts";
import { MILAGRO_CURVE, milagroLoginCheck } from "../peers/milagro.ts";

const SIZES = [1, 8, 32, 128];
const USERS = 128;
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const pin = () => ({ pin: parsePin(new TextEncoder().encode("1234")) });

export async function compareVerification(report: Reporter): Promise<void> {
  const chosen = serverOn(await createEngine({ random }));
  const noble = serverOn(await createEngine({ random, tier: "noble" }));
  const peers = {
    noble: noble.one,
    argon2id: passwordCheck(),
    "milagro-crypto-js": milagroLoginCheck(),
    "amcl-js": amclLoginCheck(),
  };
  const notes = {
    argon2id: "19 MiB, 2 passes, 1 lane, in OpenSSL",
    "milagro-crypto-js": `SERVER_1 and SERVER_2 on ${MILAGRO_CURVE}, without subgroup checks; it has no BLS12-381`,
    "amcl-js": "ENCODE_TO_CURVE and SERVER on BLS12381, without subgroup checks",
  };
  await report.compare("login verification", chosen.one, peers, { notes });
  for (const size of SIZES) {
    const ms = await fastest(report, chosen.batch(size, true));
    const peer = await fastest(report, noble.batch(size, true), 3);
    report.add({
      name: `batch ${size}`,
      value: (size * 1000) / ms,
      unit: "checks/s",
      peer: "noble",
      peerValue: (size * 1000) / peer,
    });
  }
  const known = await fastest(report, chosen.batch(USERS, false));
  report.add({ name: `batch ${USERS}, identities hashed before`, value: (USERS * 1000) / known, unit: "checks/s" });
}

/** The median of whole batches, in milliseconds; enough of them to fill the budget, at least `turns`. */
async function fastest(report: Reporter, check: Run, turns = 7): Promise<number> {
  check();
  const times: number[] = [];
  const end = performance.now() + report.budgetMs;
  while (times.length < turns || performance.now() < end) {
    const start = performance.now();
    check();
    times.push(performance.now() - start);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return times.sort((a, b) => a - b)[times.length >> 1] as number;
}

export function passwordCheck(): Run {
  const [message, nonce] = [Buffer.from("correct horse battery staple"), randomBytes(16)];
  return () => argon2Sync("argon2id", { message, nonce, parallelism: 1, tagLength: 32, memory: 19_456, passes: 2 });
}

interface Recorded extends Omit<LoginClaim, "subject"> {
  readonly name: MpinInput;
}

/** A domain of three D-TAs, a server, and one login of each of its users, as it would arrive. */
function serverOn(engine: Engine): { readonly one: Run; batch(size: number, fresh: boolean): Run } {
  const masters = [1, 2, 3].map(() => generateMasterSecretShare(engine, "mpin"));
  const serverSecret = combineServerSecretShares(
    engine,
    masters.map((master) => issueServerSecretShare(engine, master)),
  );
  const domainId = parseDomainId(random(32));
  const logins: Recorded[] = Array.from({ length: USERS }, (_, i) => {
    const name = { domain: "example", service: "login.example", user: `user-${i}`, device: "d-1" };
    const input = mpinInput(domainId, mpinIdentity(name), parseEpoch(20_000));
    const shares = masters.map((master) => issueClientSecretShare(engine, master, input).share);
    const token = createToken(engine, combineClientSecretShares(engine, shares), pin());
    const context = {
      session: random(16),
      origin: "https://login.example",
      client: "shop",
      payloadHash: new Uint8Array(0),
    };
    const attempt = beginLogin(engine, random, token, undefined, context);
    const nonce = drawLoginNonce(random);
    return { name: input, context, nonce, u: attempt.u, v: attempt.answer(pin(), nonce) };
  });
  // A copy of the input is a new object, so nothing that was remembered for the old one helps.
  const claim = ({ name, ...login }: Recorded, fresh = true): LoginClaim => ({
    ...login,
    subject: loginSubject(fresh ? (name.slice() as MpinInput) : name),
  });
  let next = 0;
  return {
    one: () => {
      next = (next + 1) % logins.length;
      if (!verifyLogin(engine, serverSecret, claim(logins[next] as Recorded)))
        throw new Error("a right login was refused");
    },
    batch: (size, fresh) => () => {
      const entries: BatchEntry[] = logins
        .slice(0, size)
        .map((login) => ({ source: "bench", terms: openLogin(engine, claim(login, fresh)) }));
      const { outcomes } = verifyLoginBatch(engine, random, serverSecret, entries, 1);
      if (outcomes.some((outcome) => outcome !== "accepted")) throw new Error("a right login was refused");
    },
  };
}
