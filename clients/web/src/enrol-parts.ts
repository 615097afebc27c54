/**
 * What screens of setting up a device are made of.
 * @module
 */
import { html, nothing, type TemplateResult } from "lit";
import type { Step } from "./enrol-answer.ts";
import { check, cross } from "./icons-setup.ts";
import type { SetupTexts } from "./setup-texts/texts.ts";
import type { Texts } from "./texts/texts.ts";

export const head = (title: string, lead = ""): TemplateResult =>
  html`<div class="tight">
    <h1 tabindex="-1">${title}</h1>
    ${lead === "" ? nothing : html`<p class="lead">${lead}</p>`}
  </div>`;

export const busy = (text: string): TemplateResult =>
  html`<p class="row middle" role="status"><span class="wheel"></span>${text}</p>`;

export const link = (text: string, act: () => void): TemplateResult =>
  html`<button class="link" type="button" @click=${act}>${text}</button>`;

export const mainButton = (text: string, act: () => void): TemplateResult =>
  html`<button class="action main" type="button" @click=${act}>${text}</button>`;

/** A code that is typed or pasted. @param said - what was wrong with the last one; empty when nothing was */
export function codeForm(
  texts: Texts,
  {
    name,
    label,
    help,
    said,
  }: { readonly name: string; readonly label: string; readonly help: string; readonly said: string },
  submit: (text: string) => void,
): TemplateResult {
  const onSubmit = (event: Event) => {
    event.preventDefault();
    const input = (event.currentTarget as HTMLFormElement).querySelector("input");
    if (input?.value.trim()) submit(input.value);
  };
  return html`${head(label, help)}
    <form class="stack" novalidate @submit=${onSubmit}>
      <div class="field">
        <label for=${name} class="quiet">${label}</label>
        <input
          id=${name}
          class="code ${name}"
          data-focus
          autocomplete="one-time-code"
          autocapitalize=${name === "activation" ? "none" : "characters"}
          spellcheck="false"
          aria-invalid=${said === "" ? "false" : "true"}
          aria-describedby="${name}-wrong"
        />
        <p class="wrong" id="${name}-wrong" role="alert">${said}</p>
      </div>
      <button class="action main wide" type="submit">${texts.next}</button>
    </form>`;
}

/** How each authority stands. */
export function stepsList(
  setup: SetupTexts,
  authorities: readonly { readonly index: number; readonly name: string }[],
  steps: ReadonlyMap<number, Step>,
): TemplateResult {
  const said: Record<Step, string> = {
    asked: setup.stepAsked,
    checked: setup.stepChecked,
    failed: setup.stepFailed,
  };
  const sign: Record<Step, TemplateResult> = {
    asked: html`<span class="wheel"></span>`,
    checked: check,
    failed: cross,
  };
  return html`<div role="status">
    <ol class="steps">
      ${authorities.map(({ index, name }) => {
        const step = steps.get(index) ?? "asked";
        return html`<li class=${step}>
          <span class="sign">${sign[step]}</span>
          <span><span class="main">${name}</span> <span class="side">${said[step]}</span></span>
        </li>`;
      })}
    </ol>
  </div>`;
}
