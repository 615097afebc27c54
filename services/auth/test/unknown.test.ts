import { afterAll, beforeAll, expect, test } from "vitest";
import type { Auth } from "../src/auth.ts";
import type { LoginCheck } from "../src/tasks.ts";
import { type EnrolledDevice, enrolDevice, type Founded, foundDomain } from "./domain.ts";
import { type Answer, adminOf, Browser, cleanUp, start } from "./support.ts";

let founded: Founded;
let auth: Auth;
let alice: EnrolledDevice;
beforeAll(async () => {
  founded = await foundDomain();
  const nowMs = Date.now(); // stands, since answers say how long a block lasts still
  const clock = () => nowMs;
  auth = await start(founded, { limits: { loginsPerMinute: 1000, userPerMinute: 1000 } }, { clock });
  alice = enrolDevice(founded);
  await new Browser(auth).register(alice);
});
afterAll(cleanUp);

/** What an onlooker could compare: everything but values that are random in each answer. */
function shape({ status, headers, json }: Answer) {
  const {
    "x-request-id": _id,
    date: _date,
    "x-ratelimit-remaining": _left,
    "x-ratelimit-reset": _reset,
    ...rest
  } = headers;
  return { status, headers: rest, json: { ...json, nonce: typeof json.nonce } };
}

async function wrongLogins(device: EnrolledDevice, count: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (let i = 0; i < count; i++) {
    const browser = new Browser(auth);
    const begun = await browser.begin(device);
    const committed = await browser.commit(device, begun);
    seen.push(shape(committed), shape(await browser.prove(begun, committed.json.nonce, "1111")));
  }
  return seen;
}

test("unknown, revoked and known identities get the same answers in the same order, bodies and headers", async () => {
  const gone = enrolDevice(founded, { user: "bob" });
  await new Browser(auth).register(gone);
  await adminOf(auth).request({
    method: "POST",
    path: "/v1/devices/revoke",
    body: { v: 1, identity: gone.identity },
  });
  const known = await wrongLogins(alice, 6);
  expect(known.at(-1)).toMatchObject({ json: { outcome: "blocked" } });
  expect(await wrongLogins(enrolDevice(founded, { user: "nobody" }), 6)).toEqual(known);
  expect(await wrongLogins(gone, 6)).toEqual(known);
});

test("the right token of a device that never registered is refused: what D-TAs issued is not enough", async () => {
  const device = enrolDevice(founded, { user: "carol" });
  expect((await new Browser(auth).login(device, "2580")).json).toMatchObject({ outcome: "refused" });
});

test("the same work is done: one check by a worker for each, whoever it is", async () => {
  const pool = auth.context.workers.pool;
  const checked: number[] = [];
  const call = pool.call.bind(pool);
  Object.assign(pool, {
    call: (method: "verifyLogins", argument: readonly LoginCheck[]) => {
      if (method === "verifyLogins") checked.push(...argument.map(({ input }) => input.length));
      return call(method, argument);
    },
  });
  const known = enrolDevice(founded, { user: "dave", device: "aaaaaaaaaa" });
  const unknown = enrolDevice(founded, { user: "dora", device: "aaaaaaaaaa" });
  await new Browser(auth).register(known);
  checked.length = 0;
  await new Browser(auth).login(known, "1111");
  await new Browser(auth).login(unknown, "1111");
  expect(checked).toHaveLength(2);
  expect(checked[0]).toBe(checked[1]);
});
