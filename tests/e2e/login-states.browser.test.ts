import { afterAll, beforeAll, expect, test } from "vitest";
import { chromiumEngine, launchChromium } from "../../clients/web/test/browsers/chromium.ts";
import { inEachBrowser } from "../../clients/web/test/browsers/engines.ts";
import { find, type Visit, visit } from "../../clients/web/test/browsers/visit.ts";
import { askForCodes, bringCodes, choosePin } from "./login-person.ts";
import { type LoginStack, startLoginStack } from "./login-stack.ts";

const PIN = "4071";
let stack: LoginStack;
beforeAll(async () => {
  stack = await startLoginStack({ serverSettings: { attempts: { max: 3 } } });
}, 120_000);
afterAll(() => stack.close());

async function enrolled(person: Visit, user: string): Promise<void> {
  await person.page.goto(`${stack.origin}/login`);
  await person.page.evaluate(`document.documentElement.lang = "en"`);
  await askForCodes(person, user);
  await bringCodes(person);
  await choosePin(person, PIN);
  await person.see("milagro-you");
}

inEachBrowser("a person in trouble", (open, { name }) => {
  test("is blocked after the last wrong PIN, and told so", async () => {
    const person = visit(await open());
    await enrolled(person, `blocked-${name}@example.org`);
    await person.page.goto(`${stack.origin}/login`);
    for (const left of ["2 attempts left", "1 attempt left"]) {
      await person.pin("9998");
      await person.read(left);
    }
    await person.pin("9998");
    await person.read("This device is blocked");
    expect(await person.audit()).toEqual([]);
    await person.click(".action");
    await person.read("Enter your PIN");
    await person.pin(PIN);
    await person.read("This device is blocked");
    await person.page.close();
  }, 90_000);

  test("learns which authority is missing in the middle of setting up, and goes on when it is back", async () => {
    const person = visit(await open());
    await person.page.goto(`${stack.origin}/login`);
    await person.page.evaluate(`document.documentElement.lang = "en"`);
    await askForCodes(person, `outage-${name}@example.org`);
    await person.page.evaluate(`new Promise((resolve) => {
      const look = () => ${find("milagro-demo-mail")}?.shadowRoot?.querySelectorAll("li .action").length === 3 ? resolve() : setTimeout(look, 50);
      look();
    })`);
    await stack.stopDta(2);
    await bringCodes(person);
    await person.read("No answer from pacific");
    expect(await person.text()).not.toContain("No answer from alpine");
    await stack.startDta(2);
    await person.click(".action.main");
    await choosePin(person, PIN);
    await person.see("milagro-you");
    await person.page.close();
  }, 90_000);

  test("may paste an activation code again when it was none", async () => {
    const person = visit(await open());
    await person.page.goto(`${stack.origin}/login`);
    await person.page.evaluate(`document.documentElement.lang = "en"`);
    await person.click("[data-enrol]");
    await person.fill("#user", `typing-${name}`);
    await person.click("[data-way=activation]");
    await person.read("This is not an e-mail address.");
    await person.fill("#user", `typing-${name}@example.org`);
    await person.click("[data-way=activation]");
    await person.fill("#activation", "half of it");
    await person.click("button[type=submit]");
    await person.read("This was not accepted. Paste all of it");
    expect(await person.audit()).toEqual([]);
    // What is said follows the language, and what was typed stays.
    await person.page.evaluate(`document.documentElement.lang = "de"`);
    await person.read("Das wurde nicht angenommen.");
    expect(await person.page.evaluate(`${find("#activation")}.value`)).toBe("half of it");
    await person.page.close();
  }, 60_000);

  test("learns which code was wrong, and the others stay good", async () => {
    const person = visit(await open());
    await person.page.goto(`${stack.origin}/login`);
    await person.page.evaluate(`document.documentElement.lang = "en"`);
    await askForCodes(person, `wrong-${name}@example.org`);
    for (const index of [1, 2, 3]) await person.fill(`#code-${index}`, "AAAA-AAA");
    await person.click("milagro-enrol-codes button[type=submit]");
    await person.read("A code has eight letters and digits");
    for (const index of [1, 2, 3]) await person.fill(`#code-${index}`, "AAAA-AAAA");
    await person.click("milagro-enrol-codes button[type=submit]");
    await person.read("This code was not accepted");
    expect(await person.audit()).toEqual([]);
    await bringCodes(person);
    await choosePin(person, PIN);
    await person.see("milagro-you");
    await person.page.close();
  }, 90_000);
});

test.skipIf(chromiumEngine.missing() !== undefined)(
  "without a network, with forced colours: said, and to be seen",
  async () => {
    const context = await (await launchChromium()).newContext({ forcedColors: "active", reducedMotion: "reduce" });
    const page = await context.newPage();
    await page.goto(`${stack.origin}/login`);
    await page.locator("[data-enrol]").waitFor();
    const edges = await page.locator("[data-enrol]").evaluate((button) => getComputedStyle(button).borderTopStyle);
    expect(edges).toBe("solid");
    await context.setOffline(true);
    await page.locator("[data-enrol]").click();
    await page.getByText("No connection").waitFor();
    await context.setOffline(false);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator("[data-enrol]").waitFor();
    await context.close();
    await chromiumEngine.close();
  },
  60_000,
);
