/** A rotation of the `mpin` master behind a page: nobody notices it, but who comes too late. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { inEachBrowser } from "../../clients/web/test/browsers/engines.ts";
import { type Visit, visit } from "../../clients/web/test/browsers/visit.ts";
import { askForCodes, bringCodes, choosePin } from "./login-person.ts";
import { type LoginStack, startLoginStack } from "./login-stack.ts";

const PIN = "4071";
let stack: LoginStack;
beforeAll(async () => {
  stack = await startLoginStack({ serverSettings: { descriptorSeconds: 1 } });
}, 120_000);
afterAll(() => stack.close());

inEachBrowser("across a rotation, a person", (open, { name }) => {
  let person: Visit;
  beforeAll(async () => {
    person = visit(await open());
    await person.page.resize(1100, 1000);
    await person.page.goto(`${stack.origin}/`);
    await person.page.evaluate(`document.documentElement.lang = "en"`);
    await askForCodes(person, `${name}@example.org`);
    await bringCodes(person);
    await choosePin(person, PIN);
    await person.see("milagro-you");
    await person.click("milagro-you .action");
    await person.read("Enter your PIN");
  }, 120_000);

  test("logs in with the same PIN: before the PIN was typed, or on a page that was there already", async () => {
    // This page has begun its login under the old master.
    await stack.rotate(3600);
    await person.pin(PIN);
    await person.see("milagro-you");
    await stack.rotate(3600);
    await person.page.goto(`${stack.origin}/login`);
    await person.read("Enter your PIN");
    await person.pin("9998");
    await person.read("4 attempts left");
    await person.pin(PIN);
    await person.see("milagro-you");
  }, 90_000);

  test("who comes after the time to change over is told to set the device up anew", async () => {
    await stack.rotate(600);
    stack.clock.aheadMs = 600_000;
    try {
      await person.page.goto(`${stack.origin}/login`);
      await person.read("Its keys were replaced while it was away");
      expect(await person.audit()).toEqual([]);
      await person.read("Set up this device");
    } finally {
      stack.clock.aheadMs = 0;
    }
  }, 60_000);
});
