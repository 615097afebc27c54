/**
 * A person at the login page in Chromium: from the last digit to being logged in. The PIN is typed by real key events; the digit's
 * own time stamp begins, and the page's knowledge of the outcome, rendered, ends. The page is loaded anew for every login, so that
 * what it prepares while the PIN is typed is part of each.
 * @module
 */
import { until } from "../../clients/web/test/browsers/browser.ts";
import { chromiumEngine } from "../../clients/web/test/browsers/chromium.ts";
import { find, type Visit, visit } from "../../clients/web/test/browsers/visit.ts";
import type { BenchDomain } from "../core/domain.ts";
import { DOMAIN } from "../core/domain.ts";
import { quantile } from "../core/quantiles.ts";
import type { Reporter } from "../harness/reporter.ts";
import { PIN } from "./device.ts";
import type { LoginServer } from "./login-server.ts";

const LOGINS = 30;
const WARM_UP = 3;
const GOAL_MS = 100;
const KEPT = "bench-ms";
const LOGIN = "milagro-login";
const PAD = "milagro-pin-pad:not([disabled])";

export async function measureBrowser(report: Reporter, bench: BenchDomain, server: LoginServer): Promise<void> {
  const missing = chromiumEngine.missing();
  if (missing !== undefined)
    return report.progress(`mpin: Chromium cannot run here (${missing}), no logins in a browser`);
  report.progress(`mpin: ${LOGINS} logins in Chromium`);
  const page = await chromiumEngine.open();
  try {
    const person = visit(page);
    await setUp(person, bench, server.origin);
    const samples: number[] = [];
    for (let i = 0; i < WARM_UP + LOGINS; i++) {
      const ms = await logIn(person, server.origin);
      if (i >= WARM_UP) samples.push(ms);
    }
    const [p50, p99, minimum] = [0.5, 0.99, 0].map((q) => quantile(samples, q)) as [number, number, number];
    const name = "browser: last digit to logged in";
    report.add({ name: `${name}: p50`, value: p50, unit: "ms", peer: "goal", peerValue: GOAL_MS, minimum });
    report.add({ name: `${name}: p99`, value: p99, unit: "ms", minimum });
  } finally {
    await page.close();
    await chromiumEngine.close();
  }
}

/** Sets the device up with an activation code of each D-TA. */
async function setUp(person: Visit, bench: BenchDomain, origin: string): Promise<void> {
  const codes = await bench.tokensFor(`milagro:${DOMAIN}/mpin/login/**`, ["mpin", "sig"]);
  await person.page.goto(`${origin}/login`);
  await person.click("[data-enrol]");
  await person.fill("#user", "browser@bench.example");
  await person.click("[data-way=activation]");
  await person.fill("input.activation", codes.join(" "));
  await person.click("milagro-enrol button[type=submit]");
  await person.read("Choose a PIN");
  await person.pin(PIN);
  await person.read("Enter it once more");
  await person.pin(PIN);
  await until(person.page, `location.pathname === "/"`, 30_000);
}

/** @returns milliseconds */
async function logIn({ page, see }: Visit, origin: string): Promise<number> {
  await page.goto(`${origin}/login`);
  await see(PAD);
  // The page goes on to another as soon as it is logged in: what was measured survives in the session's storage.
  await page.evaluate(`(() => {
    sessionStorage.removeItem(${JSON.stringify(KEPT)});
    let digitMs = 0;
    addEventListener("keydown", (event) => { if (/^[0-9]$/.test(event.key)) digitMs = event.timeStamp; }, true);
    document.querySelector(${JSON.stringify(LOGIN)}).addEventListener("milagro-login", async ({ target }) => {
      await target.updateComplete;
      if (target.step !== "accepted") throw new Error("not shown");
      sessionStorage.setItem(${JSON.stringify(KEPT)}, String(performance.now() - digitMs));
    }, true);
    ${find(PAD)}.focus();
  })()`);
  await page.type(PIN.slice(0, -1));
  // At once, so that no time of the driver's lies between the last digit and the confirmation.
  await Promise.all([page.type(PIN.slice(-1)), page.press("Enter")]);
  await until(page, `location.pathname === "/" && !!sessionStorage.getItem(${JSON.stringify(KEPT)})`, 30_000);
  return Number(await page.evaluate(`sessionStorage.getItem(${JSON.stringify(KEPT)})`));
}
