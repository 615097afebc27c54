/**
 * Gives a component the texts of the language it stands in, and follows when the page changes its language.
 * @module
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import { directionOf, english, type Language, languageOf, loadTexts } from "./language.ts";
import type { Texts } from "./texts/texts.ts";

export class TextsController implements ReactiveController {
  texts: Texts = english;
  language: Language = "en";
  readonly #host: ReactiveControllerHost & Element;
  #observer: MutationObserver | undefined;

  constructor(host: ReactiveControllerHost & Element) {
    this.#host = host;
    host.addController(this);
  }

  get direction(): "ltr" | "rtl" {
    return directionOf(this.language);
  }

  hostConnected(): void {
    this.#follow();
    this.#observer = new MutationObserver(() => this.#follow());
    this.#observer.observe(document.documentElement, { attributeFilter: ["lang"] });
    this.#observer.observe(this.#host, { attributeFilter: ["lang"] });
  }

  hostDisconnected(): void {
    this.#observer?.disconnect();
  }

  #follow(): void {
    const wanted = languageOf(this.#host);
    if (wanted === this.language) return;
    loadTexts(wanted).then(
      (texts) => {
        if (languageOf(this.#host) !== wanted) return;
        this.texts = texts;
        this.language = wanted;
        this.#host.requestUpdate();
      },
      () => {}, // offline: English goes on
    );
  }
}
