/** `<milagro-you>`: who is logged in, and the way out. Event `milagro-logout`. @module */
import { logout } from "@milagro/client/mpin";
import { css, html, type TemplateResult } from "lit";
import { AccountPanel } from "./account-panel.ts";

export class MilagroYou extends AccountPanel {
  static override styles = [
    ...AccountPanel.styles,
    css`
      dl {
        display: grid;
        grid-template-columns: max-content 1fr;
        gap: 0.4rem 1.25rem;
      }
      dt {
        color: var(--_muted);
      }
      code {
        font: 0.875rem var(--_mono);
        direction: ltr;
        unicode-bidi: isolate;
      }
      @media (max-width: 26rem) {
        dl {
          grid-template-columns: 1fr;
          gap: 0;
        }
        dd {
          margin-block-end: 0.6rem;
        }
      }
    `,
  ];

  protected override content(): TemplateResult {
    const { own, me } = this;
    const device = me.devices.find(({ identity }) => identity === me.identity);
    return html`<div class="row apart">
        <h2>${own.you}</h2>
        <button class="action small" type="button" @click=${this.#logOut}>${own.logOut}</button>
      </div>
      <dl>
        <dt>${own.user}</dt>
        <dd><strong>${me.user}</strong></dd>
        <dt>${own.device}</dt>
        <dd>${device?.label ?? ""}</dd>
        <dt>${own.since}</dt>
        <dd>${this.whenSaid(me.authenticated * 1000)}</dd>
        <dt>${own.identity}</dt>
        <dd><code>${me.identity}</code></dd>
      </dl>`;
  }

  #logOut = async (): Promise<void> => {
    await logout(this.client).catch(() => {});
    this.dispatchEvent(new CustomEvent("milagro-logout", { bubbles: true, composed: true }));
  };
}

customElements.define("milagro-you", MilagroYou);
