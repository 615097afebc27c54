/**
 * The language of an element and its texts. English is always there; others are fetched when somebody reads them.
 * @module
 */
import { texts as english } from "./texts/en.ts";
import type { Texts } from "./texts/texts.ts";

export const LANGUAGES = ["en", "de", "ja", "ar"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Texts of one shape in all languages. English is there from the start. */
export interface TextTable<T> {
  readonly english: T;
  /** @throws what fetching throws; the caller goes on in English */
  load(language: Language): Promise<T>;
}

/** @param loaders - one module for each other language */
export function textTable<T>(
  english: T,
  loaders: Readonly<Record<Exclude<Language, "en">, () => Promise<{ readonly texts: T }>>>,
): TextTable<T> {
  return { english, load: async (language) => (language === "en" ? english : (await loaders[language]()).texts) };
}

/** What login and set-up say. */
export const TEXTS: TextTable<Texts> = textTable(english, {
  de: () => import("./texts/de.ts"),
  ja: () => import("./texts/ja.ts"),
  ar: () => import("./texts/ar.ts"),
});

/** The first of the wanted languages (`de-AT`, `ja` …) that we speak; English where we speak none. */
export function chooseLanguage(wanted: readonly string[]): Language {
  for (const each of wanted) {
    const primary = each.toLowerCase().split("-")[0];
    const known = LANGUAGES.find((language) => language === primary);
    if (known) return known;
  }
  return "en";
}

/** The direction in which a language is written. */
export const directionOf = (language: Language): "ltr" | "rtl" => (language === "ar" ? "rtl" : "ltr");

/** The nearest element with a `lang`: this one, or one above it, through shadow roots. */
export function speakerOf(element: Element): Element | undefined {
  for (let at: Element | null = element; at; at = parentOf(at)) if (at.getAttribute("lang")) return at;
  return undefined;
}

/** The language that an element is in. */
export function languageOf(element: Element): Language {
  const lang = speakerOf(element)?.getAttribute("lang");
  return chooseLanguage(lang ? [lang] : navigator.languages);
}

function parentOf(element: Element): Element | null {
  if (element.parentElement) return element.parentElement;
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? root.host : null;
}
