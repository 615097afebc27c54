import { expect, test } from "vitest";
import { texts as accountAr } from "../src/account-texts/ar.ts";
import { texts as accountDe } from "../src/account-texts/de.ts";
import { texts as accountEn } from "../src/account-texts/en.ts";
import { texts as accountJa } from "../src/account-texts/ja.ts";
import { chooseLanguage, directionOf, LANGUAGES } from "../src/language.ts";
import { texts as setupAr } from "../src/setup-texts/ar.ts";
import { texts as setupDe } from "../src/setup-texts/de.ts";
import { texts as setupEn } from "../src/setup-texts/en.ts";
import { texts as setupJa } from "../src/setup-texts/ja.ts";
import { texts as ar } from "../src/texts/ar.ts";
import { texts as de } from "../src/texts/de.ts";
import { texts as en } from "../src/texts/en.ts";
import { texts as ja } from "../src/texts/ja.ts";

/** Everything that a table says, by its name; texts with arguments say it for these. */
function said(table: object, prefix = ""): Map<string, string> {
  const all = new Map<string, string>();
  for (const [name, value] of Object.entries(table)) {
    if (typeof value === "string") all.set(prefix + name, value);
    else if (typeof value === "function") all.set(prefix + name, value(3, 4));
    else for (const [inner, text] of said(value, `${prefix}${name}.`)) all.set(inner, text);
  }
  return all;
}

/** The same in several languages for a reason: names, and words that are borrowed. */
const SHARED = new Set([
  "pin",
  "quickCode",
  "byQuickCode",
  "browser",
  "aTablet",
  "aComputer",
  "identity",
  "textToSign",
  "passphrase",
]);

test.each([
  ["de", de, en],
  ["ja", ja, en],
  ["ar", ar, en],
  ["de, set-up", setupDe, setupEn],
  ["ja, set-up", setupJa, setupEn],
  ["ar, set-up", setupAr, setupEn],
  ["de, account", accountDe, accountEn],
  ["ja, account", accountJa, accountEn],
  ["ar, account", accountAr, accountEn],
])("%s says everything, and not in English", (_, table, english) => {
  const texts = said(table);
  expect([...texts.keys()].sort()).toEqual([...said(english).keys()].sort());
  for (const [name, text] of texts) {
    expect(text.trim(), name).not.toBe("");
    if (!SHARED.has(name)) expect(text, name).not.toBe(said(english).get(name));
  }
});

test("how many digits are there is said without saying which", () => {
  for (const table of [en, de, ja, ar]) {
    expect(table.digitsOf(2, 4)).toMatch(/2.*4|4.*2/);
    expect(table.digits(6)).toContain("6");
  }
});

test("numbers agree with their nouns", () => {
  expect([1, 3].map(en.attemptsLeft)).toEqual(["1 attempt left.", "3 attempts left."]);
  expect([1, 3].map(de.attemptsLeft)).toEqual(["Noch ein Versuch.", "Noch 3 Versuche."]);
  const [one, two, few, many] = [1, 2, 3, 11].map(ar.attemptsLeft);
  expect(one).toContain("محاولة واحدة");
  expect(two).toContain("محاولتان");
  expect(few).toContain("3 محاولات");
  expect(many).toContain("11 محاولة");
});

test("one authority mails one code", () => {
  expect([1, 3].map(setupEn.codesMailed)).toEqual([
    "One authority has mailed you a code",
    "Three authorities have each mailed you a code",
  ]);
  expect([1, 3].map(setupDe.codesMailed)).toEqual([
    "Eine Stelle hat Ihnen einen Code gemailt",
    "Drei Stellen haben Ihnen je einen Code gemailt",
  ]);
  expect([setupEn, setupDe].map(({ byEmailHelp }) => byEmailHelp(1))).toEqual([
    "A short mail from each authority",
    "Eine kurze Mail von jeder Stelle",
  ]);
  expect(new Set([1, 2, 3, 11].map(setupAr.codesMailed)).size).toBe(4);
  expect(setupAr.makingKey(2)).toContain("تصنعان");
});

test("buttons that stand side by side say different things", () => {
  for (const [own, login] of [
    [accountEn, en],
    [accountDe, de],
    [accountJa, ja],
    [accountAr, ar],
  ] as const) {
    const sets = [
      [own.rename, own.revoke],
      [own.revoke, login.cancel],
      [own.save, login.cancel],
      [own.forget, login.cancel],
      [own.approve, own.decline],
      [own.saveBackup, own.restoreBackup],
      [login.tryAgain, login.startOver, login.otherAccount],
    ];
    for (const set of sets) expect(new Set(set).size, set.join(" | ")).toBe(set.length);
  }
});

test("names from left to right keep their place in Arabic", () => {
  expect(ar.loggedInAs("alice@example.org")).toContain("\u2068alice@example.org\u2069");
});

test("the first language that we speak is taken, whatever its region; English otherwise", () => {
  expect(chooseLanguage(["fr", "de-AT", "ja"])).toBe("de");
  expect(chooseLanguage(["", "JA-jp"])).toBe("ja");
  expect(chooseLanguage(["arc", "dev", "enm"])).toBe("en");
  expect(chooseLanguage([])).toBe("en");
});

test("Arabic alone is written from right to left", () => {
  expect(LANGUAGES.filter((language) => directionOf(language) === "rtl")).toEqual(["ar"]);
});
