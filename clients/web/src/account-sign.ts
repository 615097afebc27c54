/** `<milagro-sign>`: sign the text one sees, with the PIN; and what was signed before. @module */
import { isSignable, type KeptSignature, listSignatures, signText } from "@milagro/client/mpin";
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { AccountPanel } from "./account-panel.ts";
import { codeOf } from "./screen.ts";

export class MilagroSign extends AccountPanel {
  static override properties = { ...AccountPanel.properties, signatures: { state: true }, said: { state: true } };
  static override styles = [
    ...AccountPanel.styles,
    css`
      textarea {
        min-block-size: 6rem;
        resize: vertical;
      }
      blockquote {
        margin: 0;
        white-space: pre-wrap;
        border-inline-start: 3px solid var(--_accent);
        padding-inline-start: 0.75rem;
      }
      li + li {
        margin-block-start: 0.9rem;
      }
    `,
  ];

  declare private signatures: readonly KeptSignature[];
  declare private said: { readonly text: string; readonly good: boolean } | undefined;

  constructor() {
    super();
    this.signatures = [];
    this.said = undefined;
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("client")) void this.#list();
  }

  protected override content(): TemplateResult {
    const { own, said, signatures } = this;
    return html`<div class="tight">
        <h2>${own.sign}</h2>
        <p class="lead">${own.signHelp}</p>
      </div>
      ${
        this.account
          ? html`<form class="stack" @submit=${this.#sign}>
              <div class="field">
                <label for="text">${own.textToSign}</label>
                <textarea id="text" dir="auto" maxlength="4096"></textarea>
              </div>
              <div class="row"><button class="action" type="submit">${own.signNow}</button></div>
            </form>`
          : nothing
      }
      ${said ? html`<div class="notice ${said.good ? "" : "bad"}" role="status"><p>${said.text}</p></div>` : nothing}
      ${
        signatures.length === 0
          ? nothing
          : html`<h3>${own.signedSoFar}</h3>
              <ul>
                ${signatures.map(
                  ({ text, time }) => html`<li>
                    <blockquote dir="auto">${text}</blockquote>
                    <p class="lead">${this.whenSaid(time * 1000)}</p>
                  </li>`,
                )}
              </ul>`
      }`;
  }

  async #list(): Promise<void> {
    try {
      this.signatures = (await listSignatures(this.client)).signatures;
    } catch {
      // shown again after the next signature
    }
  }

  #sign = async (event: Event): Promise<void> => {
    event.preventDefault();
    const { account, own } = this;
    const field = this.renderRoot.querySelector<HTMLTextAreaElement>("#text");
    const text = field?.value.trim() ?? "";
    if (!account || !field || text === "") return;
    if (!isSignable(text)) {
      this.said = { text: own.notSignable, good: false };
      return;
    }
    try {
      const done = await this.withPin(
        own.pinToSign,
        async (pin) => {
          const outcome = await signText(this.client, { identity: account.identity, text, pin });
          return outcome.outcome === "accepted" ? { over: "" } : this.refusalSaid(outcome);
        },
        text,
      );
      if (!done) return;
      this.said = done.over === "" ? { text: own.signed, good: true } : { text: done.over, good: false };
      if (done.over === "") field.value = "";
      await this.#list();
    } catch (error) {
      this.said = { text: this.texts.failedHelp(codeOf(error)), good: false };
    }
  };
}

customElements.define("milagro-sign", MilagroSign);
