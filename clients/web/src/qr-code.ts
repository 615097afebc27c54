/**
 * A QR code as one SVG path, black on white in either theme: cameras need that.
 * @module
 */
import { svg, type TemplateResult } from "lit";
import { encode } from "uqr";

/** Modules of white around the code, as the standard demands. */
const QUIET = 4;

/** @param label - what it is, for who does not see it */
export function qrCode(text: string, label: string): TemplateResult {
  const { data, size } = encode(text, { ecc: "M", border: 0 });
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  const box = `${-QUIET} ${-QUIET} ${size + 2 * QUIET} ${size + 2 * QUIET}`;
  return svg`<svg class="qr" role="img" aria-label=${label} viewBox=${box} shape-rendering="crispEdges">
    <rect x=${-QUIET} y=${-QUIET} width=${size + 2 * QUIET} height=${size + 2 * QUIET} fill="#fff" />
    <path d=${path} fill="#000" />
  </svg>` as unknown as TemplateResult;
}
