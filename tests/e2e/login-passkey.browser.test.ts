/**
 * What protects an account in a browser beyond the PIN, in the real pages: a passkey's seal, in Chromium with an authenticator, and the
 * sealed backup, in each browser.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../clients/web/test/browsers/browser.ts";
import { chromiumEngine, openWithAuthenticator } from "../../clients/web/test/browsers/chromium.ts";
import { inEachBrowser } from "../../clients/web/test/browsers/engines.ts";
import { find, type Visit, visit } from "../../clients/web/test/browsers/visit.ts";
import { askForCodes, bringCodes, choosePin } from "./login-person.ts";
import { type LoginStack, startLoginStack } from "./login-stack.ts";

const PIN = "4071";
const PASSPHRASE = "correct horse battery staple";
let stack: LoginStack;
beforeAll(async () => {
  stack = await startLoginStack();
}, 120_000);
afterAll(() => stack.close());

/** What the person says when the browser asks: an authenticator that was refused too often would lock itself. */
const SAY_NO = `(() => {
  const { create, get } = CredentialsContainer.prototype;
  window.real = { create, get };
  const no = () => Promise.reject(new DOMException("said no", "NotAllowedError"));
  Object.assign(CredentialsContainer.prototype, { create: no, get: no });
})()`;
const SAY_YES = `void Object.assign(CredentialsContainer.prototype, window.real)`;

/** What is stored, as the page's own key opens it: the passkey's seal is all that is left. */
const STORED = `new Promise((resolve, reject) => {
  const request = indexedDB.open("milagro");
  request.onerror = () => reject(request.error);
  request.onsuccess = () => {
    const all = request.result.transaction("records").objectStore("records").getAllKeys();
    all.onsuccess = () => resolve(all.result.map((name) => String(name).split(":")[0]).sort());
  };
})`;

describe.skipIf(chromiumEngine.missing() !== undefined)("a passkey in chromium", () => {
  let person: Visit;
  let page: Awaited<ReturnType<typeof openWithAuthenticator>>;
  const user = "passkey@example.org";
  const freshLogin = async () => {
    await person.page.evaluate(
      `fetch("/v1/logout", { method: "POST", headers: { "content-type": "application/json" }, body: '{"v":1}' })`,
    );
    await person.page.goto(`${stack.origin}/login`);
  };
  beforeAll(async () => {
    page = await openWithAuthenticator();
    person = visit(page);
    await person.page.resize(320, 800);
    await person.page.goto(`${stack.origin}/login`);
  }, 60_000);
  afterAll(async () => {
    await page.close();
    await chromiumEngine.close();
  });

  test("is made at setting up when it is wanted, and not when the person says no", async () => {
    await person.click("[data-enrol]");
    await person.see("#passkey");
    expect(await person.audit()).toEqual([]);
    await person.page.evaluate(`${find("#passkey")}.click()`);
    await person.fill("#user", user);
    await person.click("[data-way=email]");
    await person.see("milagro-enrol-codes input.code");
    await bringCodes(person);
    await choosePin(person, PIN);
    await person.read("Now the passkey");
    expect(await person.audit()).toEqual([]);
    await person.page.evaluate(SAY_NO);
    await person.click("[data-make]");
    await person.read("The passkey was not used");
    await person.page.evaluate(SAY_YES);
    await person.click("[data-make]");
    await person.see("milagro-you");
    expect(await person.page.evaluate(STORED)).toContain("passkey");
    expect(await person.page.evaluate("sessionStorage.length")).toBe(0);
  }, 90_000);

  test("is asked before the PIN from then on; who has it not does not get so far", async () => {
    await freshLogin();
    await person.read("Sealed by your passkey");
    expect(await person.audit()).toEqual([]);
    await person.page.evaluate(SAY_NO);
    await person.click("[data-unlock]");
    await person.read("The passkey was not used");
    expect(await person.page.evaluate(`!!${find("milagro-pin-pad")}`)).toBe(false);
    await person.page.evaluate(SAY_YES);
    await person.click("[data-unlock]");
    await person.read("Enter your PIN");
    await person.pin("9998");
    await person.read("4 attempts left");
    await person.pin(PIN);
    await person.see("milagro-you");
  }, 60_000);

  test("is asked once more for what needs the account, and can be given up: the PIN is enough again", async () => {
    await person.page.goto(`${stack.origin}/`);
    await person.see("milagro-passkey");
    await person.read("The accounts of this browser open with your passkey");
    await person.click("milagro-passkey [data-unlock]");
    await person.read("sealed by your passkey");
    expect(await person.audit()).toEqual([]);
    await person.click("milagro-passkey [data-unseal]");
    await person.read("The passkey is no longer needed here.");
    expect(await person.page.evaluate(STORED)).not.toContain("passkey");
    await freshLogin();
    await person.pin(PIN);
    await person.see("milagro-you");
    await person.page.goto(`${stack.origin}/`);
    await person.click("milagro-passkey [data-seal]");
    await person.read("From now on this browser asks for the passkey first.");
    await freshLogin();
    await person.read("Sealed by your passkey");
  }, 90_000);
});

inEachBrowser("a browser that has forgotten its account", (open, { name }) => {
  test("gets it back from a sealed backup, with the passphrase and no other", async () => {
    const user = `backup-${name}@example.org`;
    const person = visit(await open());
    await person.page.resize(320, 800);
    await person.page.goto(`${stack.origin}/login`);
    await askForCodes(person, user);
    await bringCodes(person);
    await choosePin(person, PIN);
    await person.see("milagro-backup");
    // The file as it would be saved.
    await person.page.evaluate(`(() => {
      const make = URL.createObjectURL;
      URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; }); return make.call(URL, blob); };
    })()`);
    await person.fill("milagro-backup #passphrase", PASSPHRASE);
    await person.click("milagro-backup button[type=submit]");
    await until(person.page, `typeof window.saved === "string"`, 30_000);
    const saved = await person.page.evaluate<string>("window.saved");
    expect(saved).not.toContain(user);

    const fresh = visit(await open());
    await fresh.page.resize(320, 800);
    await fresh.page.goto(`${stack.origin}/login`);
    await fresh.click("[data-enrol]");
    await fresh.click("[data-restore]");
    await fresh.see("milagro-backup #file");
    expect(await fresh.audit()).toEqual([]);
    const bring = async (passphrase: string) => {
      await fresh.fill("milagro-backup #passphrase", passphrase);
      await fresh.page.evaluate(`(() => {
        const input = ${find("milagro-backup #file")};
        const transfer = new DataTransfer();
        transfer.items.add(new File([${JSON.stringify(saved)}], "backup.json", { type: "application/json" }));
        input.files = transfer.files;
        input.dispatchEvent(new Event("change"));
      })()`);
    };
    await bring("another passphrase");
    await fresh.read("The passphrase does not open it.");
    await bring(PASSPHRASE);
    await fresh.read("Enter your PIN");
    await fresh.pin(PIN);
    await fresh.see("milagro-you");
    await fresh.read(user);
  }, 120_000);
});
