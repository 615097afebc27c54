import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Page, until } from "./browsers/browser.ts";
import { builtTestPages, removeTestPages } from "./browsers/built.ts";
import { inEachBrowser } from "./browsers/engines.ts";
import { type Site, serve } from "./browsers/serve.ts";

let site: Site;
beforeAll(async () => {
  site = await serve(await builtTestPages());
}, 60_000);
afterAll(async () => {
  await site?.close();
  await removeTestPages();
});

const press = (name: string) => `root.querySelector(${JSON.stringify(name)}).click()`;
const digit = (value: number) =>
  `[...root.querySelectorAll("button")].find((b) => b.textContent === "${value}").click()`;
const COUNT = `root.querySelector("#count").textContent`;
const settled = `await pad.updateComplete`;
const say = (expression: string) => `(async () => { ${settled}; return ${expression}; })()`;

inEachBrowser("the PIN pad", (open) => {
  let page: Page;
  beforeAll(async () => {
    page = await open();
    await page.resize(390, 800);
  }, 60_000);
  beforeEach(async () => {
    await page.goto(`${site.url}/pad.html`);
    await until(page, `pad.updateComplete.then(() => pad.matches(":defined") && !!root.querySelector("button"))`);
  });

  test("takes a PIN from the keyboard alone, and hands it out once", async () => {
    await page.press("Tab");
    expect(await page.evaluate(`root.activeElement.getAttribute("role")`)).toBe("group");
    await page.type("2580");
    expect(await page.evaluate(say(COUNT))).toBe("4 of 4 digits entered");
    await page.press("Enter");
    expect(await page.evaluate("taken")).toEqual(["2580"]);
    expect(await page.evaluate("again()")).toBe("TypeError");
    expect(await page.evaluate(say(COUNT))).toBe("0 of 4 digits entered");
  });

  test("every key is a native button that Tab reaches and Space presses", async () => {
    await page.press("Tab");
    await page.press("Tab");
    const names = [];
    for (let i = 0; i < 9; i++) {
      names.push(await page.evaluate(`root.activeElement.textContent`));
      await page.press("Space");
      await page.press("Tab");
    }
    expect(names).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    expect(await page.evaluate(say(COUNT))).toBe("8 digits entered");
    expect(await page.evaluate(`[...root.querySelectorAll("button")].every((b) => b.type === "button")`)).toBe(true);
  });

  test("Backspace takes the last digit back, Escape all, Enter nothing before there are enough", async () => {
    await page.evaluate(`pad.focus()`);
    await page.type("123");
    await page.press("Enter");
    await page.press("Backspace");
    expect(await page.evaluate(say(COUNT))).toBe("2 of 4 digits entered");
    await page.press("Escape");
    expect(await page.evaluate(say(COUNT))).toBe("0 of 4 digits entered");
    expect(await page.evaluate("taken")).toEqual([]);
  });

  test("no listener outside hears the PIN, a key or a click", async () => {
    await page.evaluate(`pad.focus()`);
    await page.type("2580");
    await page.press("Enter");
    for (const value of [1, 3, 7, 9]) await page.evaluate(say(digit(value)));
    await page.evaluate(say(press(".enter")));
    expect(await page.evaluate("taken")).toEqual(["2580", "1379"]);
    expect(await page.evaluate("heard")).toEqual([]);
  });

  test("no digit is anywhere in the page, its attributes or what is announced", async () => {
    await page.evaluate(`pad.focus()`);
    const before = await page.evaluate<string>(say("root.innerHTML + pad.outerHTML"));
    await page.type("7394");
    const after = await page.evaluate<string>(say("root.innerHTML + pad.outerHTML"));
    const text = (html: string) => html.replace(/<button[^>]*>.*?<\/button>/gs, "").replace(/<!--.*?-->/gs, "");
    expect(text(before)).not.toBe(text(after));
    for (const each of ["7", "3", "9"]) expect(text(after).split(each)).toHaveLength(text(before).split(each).length);
    const reachable = `(() => {
      const seen = new Set(), found = [];
      const look = (value, depth) => {
        if (typeof value === "string" || typeof value === "number") found.push(String(value));
        if (typeof value !== "object" || value === null || depth > 4 || seen.has(value) || value instanceof Node && value !== pad) return;
        seen.add(value);
        if (ArrayBuffer.isView(value)) found.push(String.fromCharCode(...new Uint8Array(value.buffer)));
        for (const key of Reflect.ownKeys(value)) try { look(value[key], depth + 1); } catch {}
      };
      look(pad, 0);
      return found.join(" ");
    })()`;
    expect(await page.evaluate(reachable)).not.toContain("7394");
  });

  test("a PIN that nobody takes is gone when the event is over", async () => {
    const late = `(async () => {
      const other = document.createElement("milagro-pin-pad");
      document.body.append(other);
      await other.updateComplete;
      let kept;
      other.addEventListener("milagro-pin", (event) => { kept = event; });
      const keys = other.shadowRoot.querySelectorAll("button");
      for (const i of [0, 1, 2, 3]) keys[i].click();
      await other.updateComplete;
      other.shadowRoot.querySelector(".enter").click();
      try { kept.take(); return "taken late"; } catch (error) { return error.name; } finally { other.remove(); }
    })()`;
    expect(await page.evaluate(late)).toBe("TypeError");
  });

  test("names for screen readers: a group called PIN, ten digits, delete and confirm", async () => {
    const names = `[...root.querySelectorAll("button")].map((b) => b.getAttribute("aria-label") ?? b.textContent)`;
    expect(await page.evaluate(names)).toEqual([
      ...["1", "2", "3", "4", "5", "6", "7", "8", "9"],
      "Delete last digit",
      "0",
      "Confirm PIN",
    ]);
    const group = `(() => { const g = root.querySelector("[role=group]"); return [g.ariaLabel, root.querySelector("#count").getAttribute("role")]; })()`;
    expect(await page.evaluate(group)).toEqual(["PIN", "status"]);
  });

  test("axe finds nothing, empty and half filled", async () => {
    expect(await page.evaluate("audit()")).toEqual([]);
    await page.evaluate(`pad.focus()`);
    await page.type("123456");
    expect(await page.evaluate(say("await audit()"))).toEqual([]);
  });

  test("a narrow page does not scroll sideways, and keys stay large enough to hit", async () => {
    const narrow = `(async () => {
      const frame = document.createElement("div");
      document.body.append(frame);
      document.body.setAttribute("class", "narrow");
      const keys = [...root.querySelectorAll("button")].map((b) => b.getBoundingClientRect());
      return {
        sideways: document.documentElement.scrollWidth > document.documentElement.clientWidth,
        smallest: Math.min(...keys.flatMap((k) => [k.width, k.height])),
      };
    })()`;
    await page.resize(320, 640);
    const { sideways, smallest } = await page.evaluate<{ sideways: boolean; smallest: number }>(narrow);
    await page.resize(390, 800);
    expect(sideways).toBe(false);
    expect(smallest).toBeGreaterThanOrEqual(44);
  });

  test("scrambled: all ten digits, elsewhere each time, and the pressed one counts", async () => {
    const order = `[...root.querySelectorAll("button")].map((b) => b.textContent.trim()).filter(Boolean).join("")`;
    await page.evaluate(`pad.scramble = true`);
    const orders = new Set<string>();
    for (let i = 0; i < 6; i++) {
      const seen = await page.evaluate<string>(say(order));
      expect([...seen].sort().join("")).toBe("0123456789");
      orders.add(seen);
      await page.evaluate(`pad.clear()`);
    }
    expect(orders.size).toBeGreaterThan(1);
    for (const value of [4, 0, 4, 2]) await page.evaluate(say(digit(value)));
    await page.evaluate(say(press(".enter")));
    expect(await page.evaluate("taken")).toEqual(["4042"]);
  });

  test("Arabic: from right to left, with the keys where hands expect them", async () => {
    await page.evaluate(`document.documentElement.lang = "ar"`);
    await until(page, `root.querySelector("[role=group]").getAttribute("lang") === "ar"`);
    const direction = `getComputedStyle(root.querySelector(".pad")).direction`;
    expect(await page.evaluate(direction)).toBe("rtl");
    const places = `[...root.querySelectorAll("button")].slice(0, 3).map((b) => b.getBoundingClientRect().x)`;
    const [one, two, three] = await page.evaluate<number[]>(places);
    expect(Number(one)).toBeLessThan(Number(two));
    expect(Number(two)).toBeLessThan(Number(three));
    expect(await page.evaluate("audit()")).toEqual([]);
  });

  test("digits of Arabic and full-width keyboards count as digits", async () => {
    const typed = ["٢", "۵", "８", "0"];
    await page.evaluate(
      `${JSON.stringify(typed)}.forEach((key) => root.querySelector(".pad").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })))`,
    );
    await page.evaluate(say(press(".enter")));
    expect(await page.evaluate("taken")).toEqual(["2580"]);
  });

  test("disabled: nothing can be entered, and what was entered is gone", async () => {
    await page.evaluate(`pad.focus()`);
    await page.type("12");
    await page.evaluate(`pad.disabled = true`);
    await page.evaluate(say(digit(3)));
    await page.evaluate(`pad.disabled = false`);
    expect(await page.evaluate(say(COUNT))).toBe("0 of 4 digits entered");
  });

  test("its parts can be styled from the page", async () => {
    const styled = `(async () => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync("milagro-pin-pad::part(key) { border-top-width: 7px } milagro-pin-pad { --milagro-accent: rgb(1, 2, 3) }");
      document.adoptedStyleSheets = [sheet];
      for (const i of [0, 1, 2, 3]) root.querySelectorAll("button")[i].click();
      await pad.updateComplete;
      const key = getComputedStyle(root.querySelector("button")).borderTopWidth;
      const dot = getComputedStyle(root.querySelector(".dot")).backgroundColor;
      document.adoptedStyleSheets = [];
      return [key, dot];
    })()`;
    expect(await page.evaluate(styled)).toEqual(["7px", "rgb(1, 2, 3)"]);
  });
});
