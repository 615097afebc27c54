/**
 * The few drawings that a login shows; those of setting up are in `icons-setup.ts`, which a login does not load. All of them say what a text beside them says, so none has a name.
 * @module
 */
import { html, type SVGTemplateResult, svg, type TemplateResult } from "lit";

export const draw = (content: SVGTemplateResult, name: string): TemplateResult =>
  html`<svg class=${name} viewBox="0 0 24 24" aria-hidden="true">${content}</svg>`;

export const arrow = draw(svg`<path d="m9 6 6 6-6 6" />`, "arrow");
export const phone = draw(svg`<rect x="7" y="3" width="10" height="18" rx="2" /><path d="M11 18h2" />`, "icon");
export const plus = draw(svg`<path d="M12 5v14M5 12h14" />`, "icon");
