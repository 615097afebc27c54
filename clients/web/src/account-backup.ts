/** `<milagro-backup>`: a sealed file with this browser's accounts, saved and put back; with the attribute `restore`, only the latter. Event `milagro-changed` after the latter. @module */
import { html, nothing, type TemplateResult } from "lit";
import { AccountPanel } from "./account-panel.ts";
import { exportBackup, importBackup, SHORTEST_PASSPHRASE } from "./backup.ts";
import { codeOf } from "./screen.ts";

export class MilagroBackup extends AccountPanel {
  static override properties = {
    ...AccountPanel.properties,
    restore: { type: Boolean },
    said: { state: true },
    busy: { state: true },
  };

  /** Only that: for a browser that has forgotten its account. */
  declare restore: boolean;

  declare private said: { readonly text: string; readonly good: boolean } | undefined;
  declare private busy: boolean;

  constructor() {
    super();
    this.restore = false;
    this.said = undefined;
    this.busy = false;
  }

  protected override content(): TemplateResult {
    const { own, said, busy } = this;
    return html`<div class="tight">
        ${
          this.restore
            ? html`<h1 tabindex="-1">${own.restoreBackup}</h1>`
            : html`<h2>${own.backup}</h2><p class="lead">${own.backupHelp}</p>`
        }
      </div>
      <form class="stack" @submit=${this.#save}>
        <div class="field">
          <label for="passphrase">${own.passphrase}</label>
          <input
            id="passphrase"
            type="password"
            autocomplete="off"
            minlength=${SHORTEST_PASSPHRASE}
            aria-describedby="passphrase-help"
          />
          <p class="help" id="passphrase-help">${own.passphraseHelp(SHORTEST_PASSPHRASE)}</p>
        </div>
        <div class="row">
          ${
            this.restore
              ? nothing
              : html`<button class="action" type="submit" ?disabled=${busy || !this.account}>${own.saveBackup}</button>`
          }
          <button class="action" type="button" ?disabled=${busy} @click=${this.#pick}>${own.restoreBackup}</button>
          <input
            hidden
            id="file"
            type="file"
            accept="application/json,.json"
            aria-label=${own.restoreBackup}
            @change=${this.#putBack}
          />
        </div>
      </form>
      ${said ? html`<div class="notice ${said.good ? "" : "bad"}" role="status"><p>${said.text}</p></div>` : nothing}`;
  }

  get #passphrase(): string {
    return this.renderRoot.querySelector<HTMLInputElement>("#passphrase")?.value ?? "";
  }

  #pick = (): void => {
    this.renderRoot.querySelector<HTMLInputElement>("#file")?.click();
  };

  #save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (this.restore) return this.#pick();
    await this.#work(async () => {
      const text = await exportBackup(this.client.storage, this.client.origin, this.#passphrase);
      const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      const link = document.createElement("a");
      link.href = url;
      link.download = `milagro-${location.hostname}.json`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
      return this.own.backupSaved;
    });
  };

  #putBack = async (event: Event): Promise<void> => {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    if (!file) return;
    await this.#work(async () => {
      const count = await importBackup(this.client.storage, this.client.origin, await file.text(), this.#passphrase);
      this.dispatchEvent(new CustomEvent("milagro-changed", { bubbles: true, composed: true }));
      return this.own.restored(count);
    });
    input.value = "";
  };

  async #work(act: () => Promise<string>): Promise<void> {
    this.busy = true;
    try {
      this.said = { text: await act(), good: true };
    } catch (error) {
      const code = codeOf(error);
      const { own, texts } = this;
      const known: Readonly<Record<string, string>> = {
        ERR_PASSPHRASE_INVALID: own.passphraseHelp(SHORTEST_PASSPHRASE),
        ERR_KEYSTORE_CORRUPT: own.notABackup,
        ERR_KEYSTORE_PASSPHRASE: own.wrongPassphrase,
      };
      this.said = { text: known[code] ?? texts.failedHelp(code), good: false };
    } finally {
      this.busy = false;
    }
  }
}

customElements.define("milagro-backup", MilagroBackup);
