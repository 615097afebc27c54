import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../clients/web/test/browsers/browser.ts";
import { inEachBrowser } from "../../clients/web/test/browsers/engines.ts";
import { find, type Visit, visit } from "../../clients/web/test/browsers/visit.ts";
import { askForCodes, bringCodes, choosePin } from "./login-person.ts";
import { type LoginStack, startLoginStack } from "./login-stack.ts";

const PIN = "4071";
let stack: LoginStack;
beforeAll(async () => {
  stack = await startLoginStack();
}, 120_000);
afterAll(() => stack.close());

const textOf = (selector: string) => `${find(selector)}?.textContent.trim()`;
/** Clicks the one of several buttons that says this. */
const clickNumber = (inside: string, number: string) =>
  `[...${find(inside)}.querySelectorAll("button")].find((button) => button.textContent.trim() === ${JSON.stringify(number)}).click()`;
/** One of the others. */
const clickOther = (inside: string, number: string) =>
  `[...${find(inside)}.querySelectorAll("button")].find((button) => button.textContent.trim() !== ${JSON.stringify(number)}).click()`;

inEachBrowser("a person with two devices", (open, { name }) => {
  const user = `two-${name}@example.org`;
  let phone: Visit;
  beforeAll(async () => {
    phone = visit(await open());
    await phone.page.goto(`${stack.origin}/login`);
    await phone.page.evaluate(`document.documentElement.lang = "en"`);
    await askForCodes(phone, user);
    await bringCodes(phone);
    await choosePin(phone, PIN);
    await phone.see("milagro-you");
  }, 90_000);

  test("logs in on a laptop by scanning a code, picking its number, and entering the PIN on the phone", async () => {
    const laptop = visit(await open());
    await laptop.page.goto(`${stack.origin}/login`);
    await laptop.click("[data-phone]");
    await laptop.see("milagro-handover-screen .qr");
    expect(await laptop.audit()).toEqual([]);
    const number = await laptop.page.evaluate<string>(textOf("milagro-handover-screen .figure"));
    const url = await laptop.page.evaluate<string>(`${find("milagro-handover-screen")}.address`);
    await phone.page.goto(url);
    await phone.read("Which number does that screen show?");
    expect(await phone.audit()).toEqual([]);
    await phone.page.evaluate(clickNumber("milagro-handover .numbers", number));
    await phone.pin(PIN);
    await phone.read("Go on at the other screen");
    await laptop.see("milagro-you");
    await laptop.read(user);
    // Nothing is kept on a screen that is not one's own.
    expect(await laptop.page.evaluate(`${find("milagro-authorities")} === undefined`)).toBe(true);
    await laptop.page.close();
  }, 90_000);

  test("a wrong number logs nobody in", async () => {
    const laptop = visit(await open());
    await laptop.page.goto(`${stack.origin}/login`);
    await laptop.click("[data-phone]");
    await laptop.see("milagro-handover-screen .qr");
    const number = await laptop.page.evaluate<string>(textOf("milagro-handover-screen .figure"));
    await phone.page.goto(await laptop.page.evaluate<string>(`${find("milagro-handover-screen")}.address`));
    await phone.see("milagro-handover .numbers");
    await phone.page.evaluate(clickOther("milagro-handover .numbers", number));
    await phone.read("Nobody was logged in");
    await laptop.read("The login was refused on your phone.");
    await laptop.page.close();
  }, 90_000);

  test("adds a device by QuickCode: code, number, PIN, and a PIN of its own", async () => {
    await phone.page.goto(`${stack.origin}/`);
    await phone.click("milagro-add-device .action");
    await phone.see("milagro-add-device .code");
    const code = await phone.page.evaluate<string>(textOf("milagro-add-device .code"));
    const tablet = visit(await open());
    await tablet.page.goto(`${stack.origin}/login`);
    await tablet.click("[data-enrol]");
    await tablet.fill("#user", user);
    await tablet.fill("#label", "My tablet");
    await tablet.click("[data-way=quick-code]");
    await tablet.fill("#quick-code", code.toLowerCase().replace("-", " "));
    await tablet.click("button[type=submit]");
    await until(tablet.page, `!!${find("milagro-enrol .figure")}`);
    const number = await tablet.page.evaluate<string>(textOf("milagro-enrol .figure"));
    expect(number).toMatch(/^[0-9]{3} [0-9]{4}$/);
    expect(await tablet.audit()).toEqual([]);
    await phone.read("“My tablet” wants to join");
    expect(await phone.audit()).toEqual([]);
    await phone.page.evaluate(clickNumber("milagro-add-device .numbers", number));
    await phone.pin(PIN);
    await phone.read("Approved.");
    await choosePin(tablet, "8350");
    await tablet.see("milagro-you");
    await tablet.read("My tablet");
    await phone.page.goto(`${stack.origin}/`);
    await phone.read("My tablet");
    await tablet.page.close();
  }, 90_000);

  test("approves what an application asks, with the PIN, and declines the next", async () => {
    const { secret } = (await stack.admin("POST", "/v1/clients", {
      v: 1,
      id: `bank-${name}`,
      name: "A bank",
      flow: "backchannel",
      redirectUris: [],
      postLogoutRedirectUris: [],
    })) as { readonly secret: string };
    const authorization = `Basic ${Buffer.from(`bank-${name}:${secret}`).toString("base64")}`;
    const post = async (path: string, fields: Record<string, string>) => {
      const init = { method: "POST", headers: { authorization }, body: new URLSearchParams(fields) };
      return (await (await fetch(`${stack.origin}/oidc/${path}`, init)).json()) as Record<string, string>;
    };
    const ask = (message: string) =>
      post("backchannel", { scope: "openid", login_hint: user, binding_message: message });
    const poll = ({ auth_req_id = "" }: Record<string, string>) =>
      post("token", { grant_type: "urn:openid:params:grant-type:ciba", auth_req_id });

    const transfer = await ask("Transfer 10 to Bob");
    expect(await poll(transfer)).toMatchObject({ error: "authorization_pending" });
    await phone.page.goto(`${stack.origin}/`);
    await phone.read("Transfer 10 to Bob");
    expect(await phone.audit()).toEqual([]);
    await phone.click("milagro-approvals .main");
    await phone.pin(PIN);
    await phone.read("Approved.");
    expect(await poll(transfer)).toHaveProperty("id_token");

    const another = await ask("Transfer 1000 to Mallory");
    await phone.read("Transfer 1000 to Mallory");
    await phone.click("milagro-approvals li .small:last-child");
    await phone.read("Declined.");
    expect(await poll(another)).toMatchObject({ error: "access_denied" });
  }, 90_000);
});
