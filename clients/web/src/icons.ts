/**
 * The few drawings there are. All of them say what a text beside them says, so none has a name.
 * @module
 */
import { html, type SVGTemplateResult, svg, type TemplateResult } from "lit";

const draw = (content: SVGTemplateResult, name: string): TemplateResult =>
  html`<svg class=${name} viewBox="0 0 24 24" aria-hidden="true">${content}</svg>`;

export const arrow = draw(svg`<path d="m9 6 6 6-6 6" />`, "arrow");
export const check = draw(svg`<path d="m5 12.5 4.5 4.5L19 7.5" />`, "icon");
export const cross = draw(svg`<path d="m7 7 10 10M17 7 7 17" />`, "icon");
export const phone = draw(svg`<rect x="7" y="3" width="10" height="18" rx="2" /><path d="M11 18h2" />`, "icon");
export const mail = draw(svg`<rect x="3" y="5" width="18" height="14" rx="2" /><path d="m3 7 9 6 9-6" />`, "icon");
export const person = draw(svg`<circle cx="12" cy="8" r="4" /><path d="M4 21a8 8 0 0 1 16 0" />`, "icon");
export const key = draw(svg`<circle cx="8" cy="15" r="4" /><path d="m11 12 8-8m-3 3 3 3" />`, "icon");
export const plus = draw(svg`<path d="M12 5v14M5 12h14" />`, "icon");
