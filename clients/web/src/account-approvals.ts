/**
 * `<milagro-approvals>`: what applications ask to approve. It shows nothing while nothing waits, and looks again every few seconds
 * while the page is seen.
 * @module
 */
import { login } from "@milagro/client/mpin";
import { declineApproval, listApprovals, type WaitingApproval } from "@milagro/client/mpin-approvals";
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { AccountPanel } from "./account-panel.ts";
import { codeOf } from "./screen.ts";

const LOOK_MS = 5000;

export class MilagroApprovals extends AccountPanel {
  static override properties = { ...AccountPanel.properties, waiting: { state: true }, said: { state: true } };
  static override styles = [
    ...AccountPanel.styles,
    css`
      :host([hidden]) {
        display: none;
      }
      li {
        display: grid;
        gap: 0.6rem;
      }
      li + li {
        margin-block-start: 1.1rem;
      }
      blockquote {
        margin: 0;
        border-inline-start: 3px solid var(--_accent);
        padding-inline-start: 0.75rem;
      }
    `,
  ];

  declare private waiting: readonly WaitingApproval[];
  declare private said: { readonly text: string; readonly good: boolean } | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    this.waiting = [];
    this.said = undefined;
    this.hidden = true;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = setInterval(() => {
      if (document.visibilityState === "visible") void this.#look();
    }, LOOK_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("client")) void this.#look();
    this.hidden = this.waiting.length === 0 && this.said === undefined;
  }

  protected override content(): TemplateResult {
    const { own, said, waiting, account } = this;
    return html`<div class="tight">
        <h2>${own.approvals}</h2>
        <p class="lead">${own.approvalsHelp}</p>
      </div>
      <div aria-live="polite">
        ${said ? html`<div class="notice ${said.good ? "" : "bad"}"><p>${said.text}</p></div>` : nothing}
        <ul>
          ${waiting.map(
            (one) => html`<li>
              <strong dir="auto">${one.client}</strong>
              ${one.message === undefined ? nothing : html`<blockquote dir="auto">${one.message}</blockquote>`}
              <div class="row">
                ${
                  account
                    ? html`<button class="action main small" type="button" @click=${() => this.#approve(one)}>${own.approve}</button>`
                    : nothing
                }
                <button class="action small" type="button" @click=${() => this.#decline(one)}>${own.decline}</button>
              </div>
            </li>`,
          )}
        </ul>
      </div>`;
  }

  async #look(): Promise<void> {
    try {
      this.waiting = await listApprovals(this.client);
    } catch {
      // offline, or logged out meanwhile: the rest of the page says so
    }
  }

  async #approve({ id, client, message }: WaitingApproval): Promise<void> {
    const { account, own } = this;
    if (!account) return;
    try {
      const purpose = { type: "interaction", uid: id } as const;
      const done = await this.withPin(
        own.pinToApprove,
        async (pin) => {
          const outcome = await login(this.client, { identity: account.identity, purpose, pin });
          return outcome.outcome === "accepted" ? { over: "" } : this.refusalSaid(outcome);
        },
        message === undefined ? client : `${client}: ${message}`,
      );
      if (!done) return;
      this.said = done.over === "" ? { text: own.approvalGiven, good: true } : { text: done.over, good: false };
    } catch (error) {
      this.said = { text: this.texts.failedHelp(codeOf(error)), good: false };
    }
    await this.#look();
  }

  async #decline({ id }: WaitingApproval): Promise<void> {
    try {
      await declineApproval(this.client, id);
      this.said = { text: this.own.approvalDeclined, good: true };
    } catch (error) {
      this.said = { text: this.texts.failedHelp(codeOf(error)), good: false };
    }
    await this.#look();
  }
}

customElements.define("milagro-approvals", MilagroApprovals);
