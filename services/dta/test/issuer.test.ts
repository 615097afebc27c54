/** The issuer's thread, when it dies. */
import { afterEach, expect, test } from "vitest";
import { createIssuer, type Issuer } from "../src/issuer.ts";

let issuer: Issuer | undefined;
afterEach(() => issuer?.close());

/** A thread that dies of its first call and answers none. */
const DYING = new URL(
  `data:text/javascript,${encodeURIComponent('import { parentPort } from "node:worker_threads"; parentPort.once("message", () => process.exit(3));')}`,
);
/** A thread that answers everything, so that it looks unsealed. */
const EASY = new URL(
  `data:text/javascript,${encodeURIComponent('import { parentPort } from "node:worker_threads"; parentPort.on("message", ({ id, call }) => { if (call === "sign") process.exit(3); else parentPort.postMessage({ id, ok: true, output: null }); });')}`,
);
const UNSEAL = { file: "none", passphrase: new Uint8Array(1) };

test("calls under way when the thread dies fail as sealed, and the loss is reported", async () => {
  const lost: unknown[] = [];
  issuer = createIssuer({ file: DYING, onLost: (error) => lost.push(error), onFault: () => {} });
  const calls = [issuer.call("seal", null), issuer.call("seal", null)];
  for (const call of calls) await expect(call).rejects.toMatchObject({ code: "ERR_SEALED" });
  expect(lost).toHaveLength(1);
  expect(issuer.pending).toBe(0);
});

test("with the thread the secrets are gone: the issuer says it is sealed, and the next thread serves", async () => {
  issuer = createIssuer({ file: EASY, onLost: () => {}, onFault: () => {} });
  expect(issuer.sealed).toBe(true);
  await issuer.call("unseal", UNSEAL);
  expect(issuer.sealed).toBe(false);
  await expect(issuer.call("sign", { kind: "log-head", body: {} })).rejects.toMatchObject({ code: "ERR_SEALED" });
  expect(issuer.sealed).toBe(true);
  await issuer.call("unseal", UNSEAL);
  expect(issuer.sealed).toBe(false);
});

test("after closing nothing is started any more", async () => {
  issuer = createIssuer({ file: EASY, onLost: () => {}, onFault: () => {} });
  const call = issuer.call("sign", { kind: "log-head", body: {} });
  const failed = expect(call).rejects.toMatchObject({ code: "ERR_SEALED" });
  await issuer.close();
  await failed;
  await expect(issuer.call("seal", null)).rejects.toMatchObject({ code: "ERR_SEALED" });
});
