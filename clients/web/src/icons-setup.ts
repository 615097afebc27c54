/** The drawings of setting up a device. @module */
import { svg } from "lit";
import { draw } from "./icons.ts";

export const check = draw(svg`<path d="m5 12.5 4.5 4.5L19 7.5" />`, "icon");
export const cross = draw(svg`<path d="m7 7 10 10M17 7 7 17" />`, "icon");
export const mail = draw(svg`<rect x="3" y="5" width="18" height="14" rx="2" /><path d="m3 7 9 6 9-6" />`, "icon");
export const person = draw(svg`<circle cx="12" cy="8" r="4" /><path d="M4 21a8 8 0 0 1 16 0" />`, "icon");
export const key = draw(svg`<circle cx="8" cy="15" r="4" /><path d="m11 12 8-8m-3 3 3 3" />`, "icon");
