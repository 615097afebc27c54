/**
 * Headings, buttons, fields and lists, the same in all components.
 * @module
 */
import { css } from "lit";

export const controls = css`
  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd,
  figure,
  fieldset {
    margin: 0;
    padding: 0;
    border: 0;
    min-inline-size: 0;
  }
  h1:focus,
  h2:focus {
    outline: none;
  }
  ul,
  ol {
    list-style: none;
  }
  h1,
  h2 {
    font-size: 1.5rem;
    line-height: 1.25;
    font-weight: 650;
    letter-spacing: -0.01em;
    text-wrap: balance;
    word-break: auto-phrase;
  }
  .lead {
    color: var(--_muted);
    text-wrap: pretty;
  }
  .stack {
    display: grid;
    gap: 1.25rem;
  }
  .tight {
    display: grid;
    gap: 0.35rem;
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    gap: 0.6rem;
    align-items: center;
  }
  p.row {
    flex-wrap: nowrap;
  }
  .action,
  .choice,
  .link {
    font: inherit;
    cursor: pointer;
    border-radius: var(--_radius);
    -webkit-tap-highlight-color: transparent;
  }
  .action {
    min-block-size: 3rem;
    padding: 0.6rem min(1.25rem, 5vw);
    border: 1px solid var(--_edge);
    background: var(--_surface);
    color: var(--_ink);
    font-weight: 600;
  }
  .action:hover:not(:disabled) {
    background: var(--_sunken);
  }
  .action.main {
    background: var(--_accent);
    border-color: var(--_accent);
    color: var(--_on-accent);
  }
  .action.main:hover:not(:disabled) {
    background: color-mix(in oklab, var(--_accent), var(--_ink) 18%);
  }
  .action.wide {
    inline-size: 100%;
  }
  .action:disabled {
    cursor: default;
    opacity: 0.55;
  }
  .link {
    border: 0;
    background: none;
    padding: 0.5rem 0.25rem;
    min-block-size: 2.75rem;
    color: var(--_accent);
    text-decoration: underline;
    text-decoration-thickness: 1px;
    text-underline-offset: 0.2em;
  }
  .link:hover {
    text-decoration-thickness: 2px;
  }
  .choice {
    display: grid;
    grid-template-columns: auto 1fr auto;
    align-items: center;
    gap: min(0.9rem, 4vw);
    inline-size: 100%;
    min-block-size: 4rem;
    padding: 0.75rem min(1rem, 4vw);
    border: 1px solid var(--_line);
    background: var(--_surface);
    color: var(--_ink);
    text-align: start;
  }
  .choice:hover {
    border-color: var(--_edge);
    background: var(--_sunken);
  }
  .choice .main {
    display: block;
    font-weight: 600;
  }
  .choice .side {
    display: block;
    color: var(--_muted);
    font-size: 0.9375rem;
  }
  .choice .arrow {
    inline-size: min(1.25rem, 6vw);
    fill: none;
    stroke: var(--_muted);
    stroke-width: 2;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  [dir="rtl"] .arrow {
    transform: scaleX(-1);
  }
  .face {
    inline-size: min(2.5rem, 12vw);
    aspect-ratio: 1;
    border-radius: 50%;
    display: grid;
    place-items: center;
    background: var(--_tint);
    color: var(--_accent);
    font-weight: 650;
    text-transform: uppercase;
  }
  input,
  textarea,
  select {
    font: inherit;
    color: var(--_ink);
    background: var(--_surface);
    border: 1px solid var(--_edge);
    border-radius: calc(var(--_radius) * 0.7);
    min-block-size: 3rem;
    padding: 0.55rem min(0.9rem, 4vw);
    inline-size: 100%;
  }
  @keyframes turn {
    to {
      transform: rotate(1turn);
    }
  }
  .wheel {
    inline-size: 1.25rem;
    block-size: 1.25rem;
    border-radius: 50%;
    border: 2px solid var(--_line);
    border-block-start-color: var(--_accent);
    animation: turn 900ms linear infinite;
    flex: none;
  }
  @media (prefers-reduced-motion: reduce) {
    .wheel {
      animation: none;
      border-color: var(--_accent);
      border-style: dotted;
    }
  }
  @media (forced-colors: active) {
    .action.main {
      background: ButtonText;
      color: ButtonFace;
      border-color: ButtonText;
      forced-color-adjust: none;
    }
    .choice {
      border: 1px solid CanvasText;
    }
    .face {
      border: 1px solid CanvasText;
    }
  }
`;
