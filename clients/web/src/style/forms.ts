/**
 * Fields, notices and figures: what setting up and the account page show beyond the controls of a login, which does not load them.
 * @module
 */
import { css } from "lit";

export const forms = css`
  h3 {
    font-size: 1.0625rem;
    font-weight: 650;
  }
  .row.apart {
    justify-content: space-between;
  }
  .action.danger {
    color: var(--_danger);
    border-color: var(--_danger);
  }
  .action.small {
    min-block-size: 2.5rem;
    padding: 0.35rem 0.9rem;
    font-size: 0.9375rem;
  }
  .field {
    display: grid;
    gap: 0.35rem;
  }
  .field label {
    font-weight: 600;
  }
  .field .help {
    color: var(--_muted);
    font-size: 0.9375rem;
  }
  .field .wrong {
    color: var(--_danger);
    font-size: 0.9375rem;
    font-weight: 600;
  }
  input[aria-invalid="true"] {
    border-color: var(--_danger);
    border-width: 2px;
  }
  input.code {
    font-family: var(--_mono);
    letter-spacing: 0.12em;
    text-transform: uppercase;
    direction: ltr;
  }
  .notice {
    border-radius: var(--_radius);
    padding: 0.75rem 1rem;
    background: var(--_tint);
  }
  .notice.bad {
    background: var(--_danger-tint);
    color: var(--_danger);
  }
  .notice.bad p {
    font-weight: 600;
  }
  .figure {
    font: 700 3rem / 1.1 var(--_mono);
    font-variant-numeric: tabular-nums;
    letter-spacing: 0.06em;
  }
  @media (forced-colors: active) {
    .notice {
      border: 1px solid CanvasText;
    }
  }
`;
