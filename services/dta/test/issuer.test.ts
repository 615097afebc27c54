/** The issuer's thread, when it dies. */
import { afterEach, expect, test } from "vitest";
import { createIssuer, type Issuer } from "../src/issuer.ts";

let issuer: Issuer | undefined;
afterEach(() => issuer?.close());

const thread = (body: string) =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`import { parentPort } from "node:worker_threads"; parentPort.on("message", (calls) => { for (const { id, call } of calls) { ${body} } });`)}`,
  );
/** A thread that dies of its first call and answers none. */
const BROKEN = thread("process.exit(3)");
/** A thread that answers everything but `sign`, of which it dies. */
const EASY = thread(
  'if (call === "sign") process.exit(3); else parentPort.postMessage([{ id, ok: true, output: null }]);',
);
const UNSEAL = { file: "none", passphrase: new Uint8Array(1) };
const SIGN = { kind: "log-head", body: {} } as const;

test("a thread that dies before it has answered anything is not started again and again", async () => {
  const lost: unknown[] = [];
  issuer = createIssuer({ file: BROKEN, onLost: (error) => lost.push(error), onFault: () => {} });
  const calls = [issuer.call("seal", null), issuer.call("seal", null)];
  for (const call of calls) await expect(call).rejects.toMatchObject({ code: "ERR_INTERNAL" });
  await expect(issuer.call("seal", null)).rejects.toMatchObject({ code: "ERR_INTERNAL" });
  expect(lost).toHaveLength(1);
  expect(issuer.pending).toBe(0);
});

test("with the thread the secrets are gone: the issuer says it is sealed, and the next thread serves", async () => {
  const lost: unknown[] = [];
  issuer = createIssuer({ file: EASY, onLost: (error) => lost.push(error), onFault: () => {} });
  expect(issuer.sealed).toBe(true);
  await issuer.call("unseal", UNSEAL);
  expect(issuer.sealed).toBe(false);
  await expect(issuer.call("sign", SIGN)).rejects.toMatchObject({ code: "ERR_SEALED" });
  expect([issuer.sealed, lost.length, issuer.pending]).toEqual([true, 1, 0]);
  await issuer.call("unseal", UNSEAL);
  expect(issuer.sealed).toBe(false);
});

test("after closing nothing is started any more", async () => {
  issuer = createIssuer({ file: EASY, onLost: () => {}, onFault: () => {} });
  const call = issuer.call("sign", SIGN);
  const failed = expect(call).rejects.toMatchObject({ code: "ERR_SEALED" });
  await issuer.close();
  await failed;
  await expect(issuer.call("seal", null)).rejects.toMatchObject({ code: "ERR_SEALED" });
});
