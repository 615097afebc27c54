/**
 * How the PIN pad looks. Its parts: `display`, `dot`, `keys`, `key`, `key-digit`, `key-delete`, `key-enter`.
 * @module
 */
import { css } from "lit";

export const pinPadStyle = css`
  :host {
    display: block;
    inline-size: min(19rem, 100%);
    margin-inline: auto;
    touch-action: manipulation;
    user-select: none;
    -webkit-user-select: none;
  }
  .pad {
    border-radius: var(--_radius);
    padding: 2px;
  }
  .display {
    display: flex;
    justify-content: center;
    align-items: center;
    gap: 0.9rem;
    block-size: 3rem;
    margin-block-end: 0.75rem;
  }
  .dot {
    inline-size: 0.85rem;
    block-size: 0.85rem;
    border-radius: 50%;
    border: 2px solid var(--_edge);
    transition: transform 120ms ease-out;
  }
  .dot.filled {
    background: var(--_accent);
    border-color: var(--_accent);
    transform: scale(1.15);
  }
  .dot.extra {
    animation: appear 120ms ease-out;
  }
  /* Phones and cash machines keep 1 2 3 from left to right in every script. */
  .keys {
    direction: ltr;
    display: grid;
    grid-template-columns: repeat(3, 1fr);
    gap: 0.6rem;
  }
  button {
    appearance: none;
    min-block-size: var(--milagro-key-size, 3.75rem);
    min-inline-size: 0;
    border: 1px solid var(--_line);
    border-block-end-color: color-mix(in oklab, var(--_line), var(--_edge) 45%);
    border-radius: var(--_radius);
    background: var(--_surface);
    color: var(--_ink);
    font: 500 1.6rem / 1 var(--_font);
    font-variant-numeric: tabular-nums;
    cursor: pointer;
    display: grid;
    place-items: center;
    padding: 0;
    transition: background-color 100ms ease-out;
    -webkit-tap-highlight-color: transparent;
  }
  button:hover:not(:disabled) {
    background: var(--_sunken);
  }
  button:active:not(:disabled) {
    background: var(--_tint);
  }
  button:disabled {
    cursor: default;
    color: var(--_muted);
    opacity: 0.55;
  }
  .delete {
    border-color: transparent;
    background: transparent;
  }
  .enter {
    background: var(--_accent);
    border-color: var(--_accent);
    color: var(--_on-accent);
  }
  .enter:hover:not(:disabled),
  .enter:active:not(:disabled) {
    background: color-mix(in oklab, var(--_accent), var(--_ink) 18%);
  }
  .enter:disabled {
    background: transparent;
    border-color: var(--_line);
    color: var(--_muted);
  }
  svg {
    inline-size: 1.6rem;
    block-size: 1.6rem;
    fill: none;
    stroke: currentColor;
    stroke-width: 2;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  @keyframes appear {
    from {
      transform: scale(0.2);
    }
  }
  :host([invalid]) .display {
    animation: shake 280ms ease-in-out;
  }
  @keyframes shake {
    25% {
      transform: translateX(-7px);
    }
    75% {
      transform: translateX(7px);
    }
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      animation: none !important;
      transition: none !important;
    }
  }
  @media (forced-colors: active) {
    .dot.filled {
      background: CanvasText;
      border-color: CanvasText;
      forced-color-adjust: none;
    }
    button,
    .enter:disabled {
      border-color: ButtonBorder;
    }
    button:disabled {
      color: GrayText;
      opacity: 1;
    }
  }
  @media (max-height: 560px) {
    button {
      min-block-size: 2.9rem;
    }
    .display {
      block-size: 2rem;
      margin-block-end: 0.4rem;
    }
  }
`;
