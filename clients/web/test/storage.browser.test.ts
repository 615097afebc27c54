import { afterAll, beforeAll, expect, test } from "vitest";
import { type Page, until } from "./browsers/browser.ts";
import { builtTestPages, removeTestPages } from "./browsers/built.ts";
import { chromiumEngine, launchChromium } from "./browsers/chromium.ts";
import { inEachBrowser } from "./browsers/engines.ts";
import { type Site, serve } from "./browsers/serve.ts";

const PASSPHRASE = "correct horse battery";
let site: Site;
beforeAll(async () => {
  site = await serve(await builtTestPages());
}, 60_000);
afterAll(async () => {
  await site?.close();
  await removeTestPages();
});

inEachBrowser("storage", (open, { name }) => {
  let page: Page;
  const run = <T>(expression: string) => page.evaluate<T>(expression);
  beforeAll(async () => {
    page = await open();
    await page.goto(`${site.url}/storage.html`);
    await until(page, `typeof outcome === "function"`);
  }, 60_000);

  test("keeps, lists, replaces and forgets records, over a reload as well", async () => {
    await run(`put("account:a", "first")`);
    await run(`put("account:b", "second")`);
    await run(`put("permit:a", "third")`);
    await page.reload();
    await until(page, `typeof outcome === "function"`);
    expect(await run(`list("account:")`)).toEqual(["account:a", "account:b"]);
    await run(`put("account:a", "replaced")`);
    await run(`remove("account:b")`);
    await run(`remove("account:b")`);
    expect(
      await run(`Promise.all(["account:a", "account:b"].map((key) => get(key))).then((all) => all.map(String))`),
    ).toEqual(["replaced", "undefined"]);
  });

  test("a record that was put in another's place does not open", async () => {
    await run(`put("account:victim", "victim")`);
    await run(`swap("account:victim", "account:thief")`);
    expect(await run(`outcome(() => get("account:thief"))`)).toBe("ERR_KEYSTORE_CORRUPT");
    expect(await run(`outcome(() => get("account:victim"))`)).toBe("victim");
  });

  test("a record of another origin does not open, nor one with a flipped bit", async () => {
    await run(`put("elsewhere", "x", "https://elsewhere.example")`);
    expect(await run(`outcome(() => get("elsewhere"))`)).toBe("ERR_KEYSTORE_CORRUPT");
    await run(`put("damaged", "some value")`);
    await run(`damage("damaged")`);
    expect(await run(`outcome(() => get("damaged"))`)).toBe("ERR_KEYSTORE_CORRUPT");
    await run(`Promise.all([remove("elsewhere"), remove("damaged"), remove("account:thief")])`);
  });

  test("two tabs that open it for the first time at once share one key", async () => {
    expect(await run("race()")).toBe("from one");
  });

  test("of two that change one record at once, one waits for the other; who changes another record does not", async () => {
    expect(await run("alone()")).toEqual([2, ["reads", "writes", "reads", "writes"], true]);
  });

  test("a tab that has missed a passkey's seal, or its end, writes nothing", async () => {
    const locked = "ERR_PASSKEY_LOCKED";
    expect(await run("stale()")).toEqual([locked, "sealed", locked, locked]);
  });

  test("a backup comes back with its passphrase and with no other", async () => {
    await run(`put("account:saved", "a token")`);
    await run(`save(${JSON.stringify(PASSPHRASE)}).then((file) => { window.file = file; })`);
    expect(await run("file")).not.toContain("token");
    expect(await run(`outcome(() => restore(file, "another passphrase", "empty"))`)).toBe("ERR_KEYSTORE_PASSPHRASE");
    expect(await run(`outcome(() => read("account:saved", "empty"))`)).toBeFalsy();
    expect(await run(`restore(file, ${JSON.stringify(PASSPHRASE)}, "empty")`)).toBeGreaterThan(0);
    expect(await run(`read("account:saved", "empty")`)).toBe("a token");
  }, 60_000);

  test("a backup with anything changed is refused, and a short passphrase is not taken", async () => {
    const changed = (change: string) =>
      run(
        `(() => { const it = JSON.parse(file); ${change}; return outcome(() => restore(JSON.stringify(it), ${JSON.stringify(PASSPHRASE)}, "empty")); })()`,
      );
    expect(await changed(`it.origin = "https://elsewhere.example"`)).toBe("ERR_KEYSTORE_CORRUPT");
    expect(await changed(`it.iterations = 1000`)).toBe("ERR_KEYSTORE_CORRUPT");
    expect(await changed(`it.iterations = 1e9`)).toBe("ERR_KEYSTORE_CORRUPT");
    expect(await changed(`it.iterations = 1000001`)).toBe("ERR_KEYSTORE_PASSPHRASE");
    expect(await changed(`it.salt = "AAAA"`)).toBe("ERR_KEYSTORE_CORRUPT");
    expect(await changed(`it.sealed = it.sealed.slice(4)`)).toBe("ERR_KEYSTORE_PASSPHRASE");
    for (const file of ["", "null", "[]", "{}", "no JSON"]) {
      expect(await run(`outcome(() => restore(${JSON.stringify(file)}, "x", "empty"))`), file).toBe(
        "ERR_KEYSTORE_CORRUPT",
      );
    }
    expect(await run(`outcome(() => save("too short"))`)).toBe("ERR_PASSPHRASE_INVALID");
  }, 60_000);

  if (name !== "chromium") {
    test("without an authenticator the passkey's seal is refused, not weakened", async () => {
      const quick = `Promise.race([outcome(() => passkey()), new Promise((resolve) => setTimeout(() => resolve("asks"), 1500))])`;
      expect(["ERR_PASSKEY_UNAVAILABLE", "asks"]).toContain(await run(quick));
    });
  }
});

test.skipIf(chromiumEngine.missing() !== undefined)(
  "a passkey's PRF seals once more, and another salt opens nothing",
  async () => {
    const context = await (await launchChromium()).newContext();
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
    await devtools.send("WebAuthn.enable");
    await devtools.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        ctap2Version: "ctap2_1",
        transport: "internal",
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        hasPrf: true,
      },
    });
    await page.goto(`${site.url}/storage.html`);
    await page.waitForFunction(`typeof outcome === "function"`);
    expect(await page.evaluate("passkey()")).toEqual(["token", "ERR_KEYSTORE_CORRUPT", false]);
    await context.close();
    await chromiumEngine.close();
  },
  60_000,
);
