/**
 * What our components share: style, texts, a root with language and direction, and the focus on the heading of each new view, so that
 * keyboard and screen reader are where the eye is.
 * @module
 */
import { html, LitElement, type TemplateResult } from "lit";
import { TEXTS } from "./language.ts";
import { controls } from "./style/controls.ts";
import { tokens } from "./style/tokens.ts";
import type { Texts } from "./texts/texts.ts";
import { TextsController } from "./texts-controller.ts";

export abstract class Screen extends LitElement {
  static override styles = [tokens, controls];
  readonly #texts = new TextsController(this, TEXTS);
  #shown: string | undefined;

  protected get texts(): Texts {
    return this.#texts.texts;
  }

  protected get language(): string {
    return this.#texts.language;
  }

  /** Names the view that is shown: when it changes, the focus moves. */
  protected abstract get view(): string;
  protected abstract content(): TemplateResult;

  protected override render(): TemplateResult {
    return html`<div class="stack" lang=${this.#texts.language} dir=${this.#texts.direction}>${this.content()}</div>`;
  }

  protected override updated(): void {
    const before = this.#shown;
    this.#shown = this.view;
    // Not at first: a page that opens keeps the focus where the browser puts it.
    if (before !== undefined && before !== this.view) this.focusView();
  }

  /** To what wants it in the new view, or else to its heading. */
  protected focusView(): void {
    const place = this.renderRoot.querySelector<HTMLElement>("[data-focus]") ?? this.renderRoot.querySelector("h1, h2");
    (place as HTMLElement | null)?.focus();
  }
}

/** The code of an error, for people to tell the operator. */
export function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === "string" ? code : "ERR_INTERNAL";
}
