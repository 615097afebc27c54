/**
 * What setting up a device looks like beyond the common controls.
 * @module
 */
import { css } from "lit";

export const enrolStyle = css`
  .icon {
    inline-size: min(1.4rem, 7vw);
    fill: none;
    stroke: currentColor;
    stroke-width: 2;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  legend {
    padding: 0;
    margin-block-end: 0.6rem;
  }
  legend h2 {
    font-size: 1rem;
  }
  .choice + .choice {
    margin-block-start: 0.35rem;
  }
  .option {
    display: grid;
    grid-template-columns: auto 1fr;
    gap: 0.75rem;
    align-items: start;
    font-weight: 400;
    cursor: pointer;
  }
  .option input {
    inline-size: 1.5rem;
    block-size: 1.5rem;
    min-block-size: 0;
    margin: 0;
    padding: 0;
    accent-color: var(--_accent);
  }
  .option .main,
  .option .side {
    display: block;
  }
  .option .side {
    color: var(--_muted);
    font-size: 0.9375rem;
  }
  input.activation {
    text-transform: none;
    letter-spacing: 0;
  }
  .middle {
    justify-content: center;
    text-align: center;
  }
  .said {
    min-block-size: 1.5rem;
    text-align: center;
    color: var(--_danger);
    font-weight: 600;
    text-wrap: balance;
  }
  .steps {
    display: grid;
    gap: 0.75rem;
  }
  .steps li {
    display: grid;
    grid-template-columns: 2rem 1fr;
    align-items: center;
    gap: 0.75rem;
  }
  .steps .sign {
    inline-size: 2rem;
    block-size: 2rem;
    border-radius: 50%;
    display: grid;
    place-items: center;
  }
  .steps .main {
    display: block;
    font-weight: 600;
  }
  .steps .side {
    color: var(--_muted);
    font-size: 0.9375rem;
  }
  .steps .checked .sign {
    background: var(--_tint);
    color: var(--_accent);
  }
  .steps .failed .sign {
    background: var(--_danger-tint);
    color: var(--_danger);
  }
`;
