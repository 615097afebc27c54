/**
 * Steps that several tests of pages take.
 * @module
 */
import { until } from "../../clients/web/test/browsers/browser.ts";
import { find, type Visit } from "../../clients/web/test/browsers/visit.ts";

/** Whether the focus is there, or inside; `:focus` would ask for an active window as well. */
export const focused = (selector: string): string =>
  `((element) => !!element && element.getRootNode().activeElement === element)(${find(selector)})`;

/** Up to the fields for the codes. */
export async function askForCodes(person: Visit, user: string): Promise<void> {
  await person.click("[data-enrol]");
  await person.fill("#user", user);
  await person.click("[data-way=email]");
  await person.see("milagro-enrol-codes input.code");
}

/** Takes the three codes out of the three mails. */
export async function bringCodes(person: Visit): Promise<void> {
  const mails = `${find("milagro-demo-mail")}?.shadowRoot?.querySelectorAll("li .action")`;
  for (const place of [0, 1, 2]) {
    await person.page.evaluate(`new Promise((resolve) => {
      const look = () => { const all = ${mails}; if (all?.length === 3) { all[${place}].click(); resolve(); } else setTimeout(look, 50); };
      look();
    })`);
  }
  await person.click("milagro-enrol-codes button[type=submit]");
}

/** By keyboard: each view has put the focus on its pad. */
export async function choosePin(person: Visit, pin: string): Promise<void> {
  for (const title of ["Choose a PIN", "Enter it once more"]) {
    await person.read(title);
    await until(person.page, focused("milagro-enrol milagro-pin-pad"));
    await person.page.type(pin);
    await person.page.press("Enter");
  }
}
