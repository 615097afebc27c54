/**
 * What to call this device until its user says otherwise.
 * @module
 */
import type { SetupTexts } from "./setup-texts/texts.ts";

export function deviceLabel(setup: SetupTexts): string {
  const agent = navigator.userAgent;
  const touch = navigator.maxTouchPoints > 1;
  // iPads say that they are Macs; Macs have no touch screens.
  if (/iPad|Tablet|Macintosh/.test(agent) && touch) return setup.aTablet;
  if (/Android(?!.*Mobile)/.test(agent)) return setup.aTablet;
  return /Mobi|iPhone|Android/.test(agent) ? setup.aPhone : setup.aComputer;
}
