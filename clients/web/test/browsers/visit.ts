/**
 * A person at a page of ours: finds things through shadow roots, clicks, fills in, types a PIN.
 * @module
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Page, until } from "./browser.ts";

const DEEP = `(function deep(selector, root) {
  for (const element of root.querySelectorAll("*")) {
    if (element.matches(selector)) return element;
    const inner = element.shadowRoot && deep(selector, element.shadowRoot);
    if (inner) return inner;
  }
})`;
/** An expression for the first element that matches, shadow roots included; a space goes down through them. */
export const find = (selector: string): string =>
  selector
    .split(" ")
    .reduce(
      (root, part) => `((root) => root && ${DEEP}(${JSON.stringify(part)}, root.shadowRoot || root))(${root})`,
      "document",
    );
/** What a person reads, shadow roots included. */
const TEXT = `(function said(root) {
  let text = "";
  for (const node of root.childNodes) {
    if (node.nodeType === 3) text += node.data;
    else if (node.nodeType === 1 && !node.hidden && node.localName !== "style") text += " " + said(node.shadowRoot || node);
  }
  return text.replace(/\\s+/g, " ");
})(document.body)`;

export interface Visit {
  readonly page: Page;
  see(selector: string): Promise<void>;
  click(selector: string): Promise<void>;
  fill(selector: string, value: string): Promise<void>;
  /** Types digits into the pad that is shown, and Enter, by keyboard. */
  pin(digits: string): Promise<void>;
  /** Waits until the page says this. */
  read(text: string): Promise<void>;
  text(): Promise<string>;
  /** What axe has to say against the page. */
  audit(): Promise<readonly string[]>;
  /** What the page did against its policy since it was watched, and the origins that it talked to. */
  breaches(): Promise<readonly string[]>;
  origins(): Promise<readonly string[]>;
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export function visit(page: Page): Visit {
  const see = async (selector: string) => void (await until(page, `!!${find(selector)}`, 15_000));
  return {
    page,
    see,
    click: async (selector) => {
      await until(page, `!!${find(`${selector}:not(:disabled)`)}`, 15_000);
      await page.evaluate(`${find(`${selector}:not(:disabled)`)}.click()`);
    },
    fill: async (selector, value) => {
      await see(selector);
      const set = `(() => { const field = ${find(selector)}; field.value = ${JSON.stringify(value)};
        field.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true })); })()`;
      await page.evaluate(set);
    },
    pin: async (digits) => {
      await until(page, `!!${find("milagro-pin-pad:not([disabled])")}`, 15_000);
      await page.evaluate(`${find("milagro-pin-pad:not([disabled])")}.focus()`);
      await page.type(digits);
      await page.press("Enter");
    },
    read: async (text) => void (await until(page, `${TEXT}.includes(${JSON.stringify(text)})`, 15_000)),
    text: () => page.evaluate(TEXT),
    audit: async () => {
      await page.evaluate(`(() => { if (!window.axe) { ${axe}; } })()`);
      return page.evaluate(
        `axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map((n) => n.html).join(" | ").slice(0, 300)))`,
      );
    },
    breaches: () =>
      page.evaluate(`(() => {
        if (!window.breaches) {
          window.breaches = [];
          new ReportingObserver((reports) => window.breaches.push(...reports.map((r) => r.body.blockedURL)), { types: ["csp-violation"], buffered: true }).observe();
        }
        return new Promise((resolve) => setTimeout(() => resolve(window.breaches), 50));
      })()`),
    origins: () =>
      page.evaluate(
        `[...new Set(performance.getEntriesByType("resource").map(({ name }) => new URL(name).origin))].sort()`,
      ),
  };
}
