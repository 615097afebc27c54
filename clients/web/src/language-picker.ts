/**
 * `<milagro-language>`: the page's language, remembered in this browser. It sets `lang` and `dir` of the document; components follow.
 * @module
 */
import { css, html, type TemplateResult } from "lit";
import { chooseLanguage, directionOf, LANGUAGES, type Language, TEXTS } from "./language.ts";
import { Screen } from "./screen.ts";

const REMEMBERED = "milagro-language";

/** Each language by its own name; these need no texts to be loaded. */
const NAMES: Readonly<Record<Language, string>> = { en: "English", de: "Deutsch", ja: "日本語", ar: "العربية" };

/** What was picked before, or what the browser prefers. To be called before the first component is there. */
export function startLanguage(): void {
  setLanguage(chooseLanguage([remembered() ?? "", ...navigator.languages]));
}

function setLanguage(language: Language): void {
  document.documentElement.lang = language;
  document.documentElement.dir = directionOf(language);
}

function remembered(): string | null {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null; // storage may be forbidden
  }
}

export class MilagroLanguage extends Screen {
  static override styles = [
    ...Screen.styles,
    css`
      label {
        display: flex;
        align-items: center;
        gap: 0.5rem;
        color: var(--_muted);
        font-size: 0.9375rem;
      }
      select {
        inline-size: auto;
        min-block-size: 2.75rem;
        padding: 0.25rem 0.6rem;
        border-color: transparent;
        background: transparent;
        color: inherit;
      }
      select:hover {
        border-color: var(--_edge);
      }
      option {
        background: var(--_surface);
        color: var(--_ink);
      }
    `,
  ];

  protected override get view(): string {
    return "";
  }

  protected override content(): TemplateResult {
    return html`<label>
      <span class="quiet">${this.texts.language}</span>
      <select @change=${this.#pick}>
        ${LANGUAGES.map(
          (each) =>
            html`<option value=${each} lang=${each} ?selected=${each === this.language}>${NAMES[each]}</option>`,
        )}
      </select>
    </label>`;
  }

  #pick = async (event: Event): Promise<void> => {
    const language = chooseLanguage([(event.target as HTMLSelectElement).value]);
    await TEXTS.load(language).catch(() => {});
    setLanguage(language);
    try {
      localStorage.setItem(REMEMBERED, language);
    } catch {
      // not remembered, then
    }
  };
}

customElements.define("milagro-language", MilagroLanguage);
