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

  /** A moment, as people write it. @param ms - since 1970 */
  protected whenSaid(ms: number): string {
    return new Date(ms).toLocaleString(this.language, { dateStyle: "medium", timeStyle: "short" });
  }

  /** @param until - undefined when only an administrator can end it */
  protected blockedSaid(until: number | undefined): string {
    return until === undefined ? this.texts.blockedHelp : this.texts.blockedUntil(this.whenSaid(until));
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

/** The first whole minute in which a block is over. */
export const blockedUntil = (retryAfterSeconds: number | undefined): number | undefined =>
  retryAfterSeconds && Date.now() + retryAfterSeconds * 1000 + 59_999;

/** The code of an error, for people to tell the operator. */
export function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === "string" ? code : "ERR_INTERNAL";
}
