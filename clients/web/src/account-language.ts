/**
 * The account page's own texts in all languages.
 * @module
 */
import { texts as english } from "./account-texts/en.ts";
import type { AccountTexts } from "./account-texts/texts.ts";
import { type TextTable, textTable } from "./language.ts";

export const ACCOUNT_TEXTS: TextTable<AccountTexts> = textTable(english, {
  de: () => import("./account-texts/de.ts"),
  ja: () => import("./account-texts/ja.ts"),
  ar: () => import("./account-texts/ar.ts"),
});
