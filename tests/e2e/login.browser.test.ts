import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../clients/web/test/browsers/browser.ts";
import { inEachBrowser } from "../../clients/web/test/browsers/engines.ts";
import { find, type Visit, visit } from "../../clients/web/test/browsers/visit.ts";
import { askForCodes, bringCodes, choosePin, focused } from "./login-person.ts";
import { type LoginStack, startLoginStack } from "./login-stack.ts";

const PIN = "4071";
let stack: LoginStack;
beforeAll(async () => {
  stack = await startLoginStack();
}, 120_000);
afterAll(() => stack.close());

inEachBrowser("a person", (open, { name }) => {
  const user = `${name}@example.org`;
  let person: Visit;
  beforeAll(async () => {
    person = visit(await open());
    await person.page.resize(1100, 1000);
    await person.page.goto(`${stack.origin}/`);
    await person.page.evaluate(`document.documentElement.lang = "en"`);
  }, 60_000);

  test("registers with a code from each authority, chooses a PIN, and is logged in", async () => {
    await askForCodes(person, user);
    await person.read("Three authorities have each mailed you a code");
    expect(await person.audit()).toEqual([]);
    await bringCodes(person);
    await person.read("Choose a PIN");
    await person.pin("1234");
    await person.read("digits in a row");
    await choosePin(person, PIN);
    await person.see("milagro-you");
    await person.read(user);
    expect(await person.text()).not.toContain(PIN);
  }, 90_000);

  test("sees on the account page what each authority has recorded", async () => {
    await person.see("milagro-authorities ol");
    await person.read("made its part of your key");
    for (const authority of ["alpine", "pacific", "nordic"]) await person.read(authority);
    expect(await person.audit()).toEqual([]);
  }, 60_000);

  test("logs out; a wrong PIN counts down; the right one logs in and forgives", async () => {
    await person.click("milagro-you .action");
    await person.read("Enter your PIN");
    await person.pin("9998");
    await person.read("4 attempts left");
    // The focus is still there: who types need not look for the pad again.
    await person.page.type("9997");
    await person.page.press("Enter");
    await person.read("3 attempts left");
    expect(await person.audit()).toEqual([]);
    await person.pin(PIN);
    await person.see("milagro-you");
  }, 60_000);

  test("finds the account again after a reload, also on the login page, and is sent on from there", async () => {
    await person.page.goto(`${stack.origin}/login`);
    await person.read("Enter your PIN");
    await person.read(user);
    await person.page.reload();
    await person.read("Enter your PIN");
    await person.pin("9998");
    await person.read("4 attempts left");
    await person.pin(PIN);
    await person.see("milagro-you");
  }, 60_000);

  test("leaves nothing readable in the browser's storage", async () => {
    const dump = `new Promise((resolve, reject) => {
      const request = indexedDB.open("milagro");
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const read = (store) => new Promise((done) => {
          const all = request.result.transaction(store).objectStore(store).getAll();
          all.onsuccess = () => done(all.result);
        });
        Promise.all([read("keys"), read("records")]).then(([keys, records]) => resolve({
          extractable: keys.map((key) => key.extractable),
          kinds: keys.map((key) => key.algorithm.name),
          text: records.map((record) => new TextDecoder("latin1").decode(record)).join(""),
          records: records.length,
          other: Object.keys(localStorage).concat(Object.keys(sessionStorage)),
          cookies: document.cookie,
        }), reject);
      };
    })`;
    const found = await person.page.evaluate<{ text: string; records: number } & Record<string, unknown>>(dump);
    expect(found).toMatchObject({ extractable: [false], kinds: ["AES-GCM"], other: [], cookies: "" });
    expect(found.records).toBeGreaterThan(0);
    expect(found.text).not.toContain("example.org");
    expect(found.text).not.toContain(PIN);
  });

  test("signs a text, changes the PIN, and only the new one counts", async () => {
    await person.fill("milagro-sign textarea", "I pay 100 to Bob.");
    await person.click("milagro-sign button[type=submit]");
    await person.pin(PIN);
    await person.read("Signed so far");
    await person.click("milagro-change-pin button");
    await person.read("Your current PIN");
    await person.pin(PIN);
    await person.read("Your new PIN");
    await person.pin("8350");
    await person.read("Enter it once more");
    await person.pin("8350");
    await person.read("From now on the new PIN counts");
    await person.page.goto(`${stack.origin}/login`);
    await person.pin(PIN);
    await person.read("4 attempts left");
    await person.pin("8350");
    await person.see("milagro-you");
  }, 90_000);

  test("is spoken to in the language that is picked, by every part of the page", async () => {
    const pick = (language: string) =>
      person.page.evaluate(`(() => { const picker = ${find("milagro-language select")};
        picker.value = "${language}"; picker.dispatchEvent(new Event("change")); })()`);
    await pick("de");
    for (const said of ["Sie sind angemeldet", "Ihre Geräte", "Was jede Stelle gesehen hat"]) await person.read(said);
    await person.page.goto(`${stack.origin}/login`);
    for (const language of ["de", "ar", "en"]) {
      await pick(language);
      await person.see(`milagro-pin-pad [lang="${language}"]`);
    }
  }, 60_000);

  test("finds the focus again where a question was opened, after it was closed", async () => {
    await person.page.goto(`${stack.origin}/login`);
    await person.pin("8350");
    await person.see("milagro-devices");
    for (const [opener, wanted, close] of [
      ["milagro-devices .small:not(.danger)", "milagro-devices #name", "milagro-devices form .action:not(.main)"],
      [
        "milagro-devices .danger",
        "milagro-devices .notice .small:not(.danger)",
        "milagro-devices .notice .small:not(.danger)",
      ],
      ["milagro-account [data-forget]", "milagro-account [data-keep]", "milagro-account [data-keep]"],
    ] as const) {
      await person.click(opener);
      await until(person.page, focused(wanted));
      expect(await person.audit()).toEqual([]);
      await person.click(close);
      await until(person.page, focused(opener));
    }
  }, 60_000);

  test("goes on with an interrupted set-up after a reload, with the codes that were mailed before", async () => {
    const other = visit(await open());
    await other.page.goto(`${stack.origin}/login`);
    await askForCodes(other, `again-${user}`);
    await other.read("mailed you a code");
    await other.page.reload();
    await other.click("[data-enrol]");
    await other.read("Not finished yet");
    await other.click(".action.main");
    await bringCodes(other);
    await choosePin(other, "7264");
    await other.see("milagro-you");
    await other.page.close();
  }, 90_000);

  test("every page keeps the policy, and talks to nobody but the login server and the authorities", async () => {
    const allowed = [new URL(stack.origin).origin, ...stack.authorityOrigins].sort();
    for (const path of ["/", "/login"]) {
      await person.page.goto(`${stack.origin}${path}`);
      await person.see(path === "/" ? "milagro-authorities" : "milagro-pin-pad");
      expect(await person.breaches()).toEqual([]);
      for (const origin of await person.origins()) expect(allowed).toContain(origin);
    }
  }, 60_000);

  test("the login page fits 320 pixels, in Arabic as well", async () => {
    await person.page.goto(`${stack.origin}/login`);
    await person.page.resize(320, 700);
    for (const language of ["en", "ar"]) {
      await person.page.evaluate(`document.documentElement.lang = "${language}"`);
      await person.see(`[lang="${language}"] milagro-pin-pad`);
      const sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      expect(await person.page.evaluate(sideways)).toBe(0);
      expect(await person.audit()).toEqual([]);
    }
    await person.page.resize(1100, 1000);
  }, 60_000);

  test("letters twice as large leave whole words on a phone", async () => {
    const other = visit(await open());
    await other.page.resize(360, 720);
    await other.page.goto(`${stack.origin}/login`);
    await other.see("[data-enrol]");
    await other.page.evaluate(`document.documentElement.style.fontSize = "200%"`);
    for (const language of ["en", "de", "ja", "ar"]) {
      await other.page.evaluate(`document.documentElement.lang = "${language}"`);
      await other.see(`[lang="${language}"] [data-enrol]`);
      const sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      expect(await other.page.evaluate(sideways), language).toBe(0);
      const width = `${find("[data-enrol] .main")}.getBoundingClientRect().width`;
      expect(await other.page.evaluate(width), language).toBeGreaterThan(5 * 32);
    }
    await other.page.close();
  }, 60_000);
});
