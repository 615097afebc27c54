/** A pad, everything that its ancestors hear of it, and what it hands out. @module */
import axe from "axe-core";
import type { PinEvent } from "../../src/pin-event.ts";
import "../../src/pin-pad.ts";

const heard: string[] = [];
const taken: string[] = [];
let again = "";
const pad = document.querySelector("milagro-pin-pad");

for (const target of [window, document, document.body]) {
  for (const type of ["milagro-pin", "click", "keydown", "keyup", "keypress", "input", "change"]) {
    target.addEventListener(type, (event) => heard.push(event.type));
  }
  // On the way down as well: keys cannot be kept from there, the PIN can.
  target.addEventListener("milagro-pin", () => heard.push("captured"), true);
}
pad?.addEventListener("milagro-pin", (event) => {
  const pin = event as PinEvent;
  const digits = pin.take();
  taken.push(String.fromCharCode(...digits));
  try {
    pin.take();
    again = "handed out twice";
  } catch (error) {
    again = (error as Error).name;
  }
});

Object.assign(globalThis, {
  heard,
  taken,
  pad,
  again: () => again,
  root: pad?.shadowRoot,
  audit: async () => (await axe.run(document)).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`),
});
