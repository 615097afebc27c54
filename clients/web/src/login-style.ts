/**
 * What a login looks like beyond the common controls.
 * @module
 */
import { css } from "lit";

export const loginStyle = css`
  .icon {
    inline-size: min(1.5rem, 7vw);
    fill: none;
    stroke: currentColor;
    stroke-width: 2;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  .said {
    min-block-size: 1.5rem;
    text-align: center;
    text-wrap: balance;
  }
  .said.bad {
    color: var(--_danger);
    font-weight: 600;
  }
  .middle {
    justify-content: center;
  }
  blockquote {
    margin: 0;
    padding: 0.75rem 1rem;
    border-inline-start: 4px solid var(--_accent);
    background: var(--_tint);
    white-space: pre-wrap;
  }
`;
