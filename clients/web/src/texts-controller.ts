/**
 * Gives a component the texts of the language it stands in, and follows when the page changes its language.
 * @module
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import { directionOf, type Language, languageOf, speakerOf, type TextTable } from "./language.ts";

export class TextsController<T> implements ReactiveController {
  texts: T;
  language: Language = "en";
  readonly #host: ReactiveControllerHost & Element;
  readonly #table: TextTable<T>;
  #observer: MutationObserver | undefined;

  constructor(host: ReactiveControllerHost & Element, table: TextTable<T>) {
    this.#host = host;
    this.#table = table;
    this.texts = table.english;
    host.addController(this);
  }

  get direction(): "ltr" | "rtl" {
    return directionOf(this.language);
  }

  hostConnected(): void {
    this.#observer = new MutationObserver(() => this.#follow());
    this.#follow();
  }

  hostDisconnected(): void {
    this.#observer?.disconnect();
  }

  #follow(): void {
    // The nearest may belong to a component around this one, which changes it when it has its own texts.
    for (const each of [document.documentElement, this.#host, speakerOf(this.#host)])
      if (each) this.#observer?.observe(each, { attributeFilter: ["lang"] });
    const wanted = languageOf(this.#host);
    if (wanted === this.language) return;
    this.#table.load(wanted).then(
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
