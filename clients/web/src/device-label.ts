/**
 * What to call this device until its user says otherwise.
 * @module
 */
import type { Texts } from "./texts/texts.ts";

export function deviceLabel(texts: Texts): string {
  const agent = navigator.userAgent;
  const touch = navigator.maxTouchPoints > 1;
  // iPads say that they are Macs; Macs have no touch screens.
  if (/iPad|Tablet|Macintosh/.test(agent) && touch) return texts.aTablet;
  if (/Android(?!.*Mobile)/.test(agent)) return texts.aTablet;
  return /Mobi|iPhone|Android/.test(agent) ? texts.aPhone : texts.aComputer;
}
