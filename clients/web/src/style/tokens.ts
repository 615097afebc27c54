/**
 * Colours, sizes and type, once. A page themes everything by setting the `--milagro-…` properties; what it does not set has the
 * values here, light or dark as its `color-scheme` says. Contrast is at least 4.5:1 for text and 3:1 for edges that matter.
 * @module
 */
import { css } from "lit";

export const tokens = css`
  :host {
    --_paper: var(--milagro-paper, light-dark(#f5f3ee, #121715));
    --_surface: var(--milagro-surface, light-dark(#ffffff, #1a211e));
    --_sunken: var(--milagro-sunken, light-dark(#f0eee7, #232b28));
    --_ink: var(--milagro-ink, light-dark(#1b2522, #e9efec));
    --_muted: var(--milagro-muted, light-dark(#56625d, #a3b0aa));
    --_line: var(--milagro-line, light-dark(#dcd8cd, #35403b));
    --_edge: var(--milagro-edge, light-dark(#857f70, #74827b));
    --_accent: var(--milagro-accent, light-dark(#0a6352, #67d3b8));
    --_on-accent: var(--milagro-on-accent, light-dark(#ffffff, #08231d));
    --_tint: var(--milagro-tint, light-dark(#e3f0ec, #1d332d));
    --_danger: var(--milagro-danger, light-dark(#a3271c, #ffa79c));
    --_danger-tint: var(--milagro-danger-tint, light-dark(#fbeae7, #3b2220));
    --_focus: var(--milagro-focus, light-dark(#0b57c4, #9cc4ff));
    --_radius: var(--milagro-radius, 14px);
    --_font: var(--milagro-font, system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans JP", "Noto Sans Arabic", sans-serif);
    --_mono: var(--milagro-mono, ui-monospace, "SF Mono", "Cascadia Mono", "Noto Sans Mono", monospace);
    color: var(--_ink);
    font-family: var(--_font);
    line-height: 1.5;
    overflow-wrap: anywhere;
    box-sizing: border-box;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  *,
  *::before,
  *::after {
    box-sizing: inherit;
  }
  :focus-visible {
    outline: 3px solid var(--_focus);
    outline-offset: 2px;
  }
  .quiet {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
`;
