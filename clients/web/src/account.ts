/**
 * `<milagro-account>`: the page of one's account; who is not logged in does so first. In a demonstration it says what it shows.
 * @module
 */
import {
  type Account,
  forgetAccount,
  listAccounts,
  type Me,
  type MpinClient,
  revokeDevice,
  whoAmI,
} from "@milagro/client/mpin";
import { callMpin } from "@milagro/client/mpin-call";
import { readBoolean, readList, readSome } from "@milagro/client/mpin-read";
import { css, html, nothing, type TemplateResult } from "lit";
import { ACCOUNT_TEXTS } from "./account-language.ts";
import "./login.ts";
import { passkeysOffered } from "./passkeys-offered.ts";
import { codeOf, Screen } from "./screen.ts";
import { forms } from "./style/forms.ts";
import { TextsController } from "./texts-controller.ts";
import { webClient } from "./web-client.ts";

type View =
  | { readonly name: "loading" | "login" }
  | { readonly name: "account"; readonly me: Me; readonly account: Account | undefined; readonly locked: boolean }
  | { readonly name: "failed"; readonly code: string };

const readDemo = readSome({
  demo: readBoolean,
  descriptor: readSome({ descriptor: readSome({ authorities: readList(64, (value) => value) }) }),
});

export class MilagroAccount extends Screen {
  static override properties = { screen: { state: true }, demo: { state: true }, asked: { state: true } };
  static override styles = [
    ...Screen.styles,
    forms,
    css`
      :host {
        display: block;
        inline-size: 100%;
      }
      .card {
        border: 1px solid var(--_line);
        border-radius: 22px;
        background: var(--milagro-card, light-dark(#fffefb, #171d1b));
        padding: clamp(18px, 4vmin, 30px);
        min-inline-size: 0;
      }
      .narrow {
        inline-size: min(27rem, 100%);
        margin-inline: auto;
      }
      .panels {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(25rem, 100%), 1fr));
        gap: 1.25rem;
        align-items: start;
      }
      .panels > .column {
        display: grid;
        gap: 1.25rem;
        min-inline-size: 0;
      }
      .whole {
        grid-column: 1 / -1;
      }
      .whole h2 {
        font-size: 1.1875rem;
      }
      header {
        max-inline-size: 44rem;
      }
      header.front {
        margin-inline: auto;
        text-align: center;
      }
      /* On a phone it makes room once one is at work. */
      @media (max-width: 40rem) {
        header.front:has(+ .card milagro-login:is([step="enrol"], [step="phone"], [step="pin"])) {
          display: none;
        }
      }
      .title {
        font-size: clamp(1.75rem, 5vw, 2.5rem);
        letter-spacing: -0.02em;
      }
      header .lead {
        font-size: 1.0625rem;
      }
    `,
  ];

  declare private screen: View;
  declare private demo: { readonly authorities: number } | undefined;
  /** Whether to forget the account is being asked; undefined when it never was. */
  declare private asked: boolean | undefined;
  readonly #own = new TextsController(this, ACCOUNT_TEXTS);
  #client: MpinClient | undefined;

  constructor() {
    super();
    this.screen = { name: "loading" };
    this.demo = undefined;
    this.asked = undefined;
    this.addEventListener("milagro-logout", () => void this.#load());
    this.addEventListener("milagro-changed", () => void this.#load());
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#load();
    void this.#look();
  }

  protected override get view(): string {
    return this.asked ? "forget" : this.screen.name;
  }

  protected override content(): TemplateResult {
    const { screen, texts } = this;
    const own = this.#own.texts;
    switch (screen.name) {
      case "loading":
        return html`<p class="row" role="status"><span class="wheel"></span>${texts.loading}</p>`;
      case "failed":
        return html`<div class="card narrow stack" role="alert">
          <div class="tight">
            <h1 tabindex="-1">${texts.failed}</h1>
            <p class="lead">${texts.failedHelp(screen.code)}</p>
          </div>
          <div class="row">
            <button class="action main" type="button" @click=${() => this.#load()}>${texts.tryAgain}</button>
          </div>
        </div>`;
      case "login":
        return html`${
          this.demo
            ? html`<header class="front tight">
                  <p class="title"><strong>${own.demoTitle}</strong></p>
                  <p class="lead">${own.demoLead(this.demo.authorities)}</p>
                </header>`
            : nothing
        }
          <div class="card narrow"><milagro-login @milagro-login=${() => this.#load()}></milagro-login></div>`;
      case "account":
        return this.#panels(screen);
    }
  }

  #panels({ me, account, locked }: Extract<View, { readonly name: "account" }>): TemplateResult {
    const { texts } = this;
    const own = this.#own.texts;
    const client = this.#client as MpinClient;
    return html`<header><h1 tabindex="-1" class="title">${texts.loggedIn}</h1></header>
      <div class="panels">
        ${
          locked
            ? html`<milagro-passkey class="card whole" .client=${client} .me=${me} .account=${account}></milagro-passkey>`
            : nothing
        }
        <milagro-approvals class="card whole" .client=${client} .me=${me} .account=${account}></milagro-approvals>
        <div class="column">
          <milagro-you class="card" .client=${client} .me=${me} .account=${account}></milagro-you>
          <milagro-devices class="card" .client=${client} .me=${me} .account=${account}></milagro-devices>
          <milagro-add-device class="card" .client=${client} .me=${me} .account=${account}></milagro-add-device>
        </div>
        <div class="column">
          <milagro-sign class="card" .client=${client} .me=${me} .account=${account}></milagro-sign>
          <milagro-change-pin class="card" .client=${client} .me=${me} .account=${account}></milagro-change-pin>
          ${
            passkeysOffered() && !locked
              ? html`<milagro-passkey class="card" .client=${client} .me=${me} .account=${account}></milagro-passkey>`
              : nothing
          }
          <milagro-backup class="card" .client=${client} .me=${me} .account=${account}></milagro-backup>
        </div>
        ${
          account
            ? html`<milagro-authorities class="card whole" .client=${client} .me=${me} .account=${account}></milagro-authorities>
                <section class="card whole stack">
                  <div class="tight">
                    <h2>${own.forget}</h2>
                    <p class="lead">${own.forgetHelp}</p>
                  </div>
                  <div class="row">
                    ${
                      this.asked
                        ? html`<strong>${own.forgetAsk}</strong>
                            <button class="action small danger" type="button" @click=${() => this.#forget(account)}>${own.forget}</button>
                            <button class="action small" type="button" data-focus data-keep @click=${this.#ask(false)}>${texts.cancel}</button>`
                        : html`<button class="action danger" type="button" data-forget ?data-focus=${this.asked === false} @click=${this.#ask(true)}>${own.forget}</button>`
                    }
                  </div>
                </section>`
            : nothing
        }
      </div>`;
  }

  #ask = (asked: boolean) => () => {
    this.asked = asked;
  };

  async #load(): Promise<void> {
    try {
      const client = await webClient();
      this.#client = client;
      const me = await whoAmI(client);
      const accounts = await mine(client);
      const account = accounts?.find(({ identity }) => identity === me.identity);
      await import("./account-panels.ts");
      this.asked = undefined;
      this.screen = { name: "account", me, account, locked: accounts === undefined };
    } catch (error) {
      const code = codeOf(error);
      this.screen = code === "ERR_SESSION_MISSING" ? { name: "login" } : { name: "failed", code };
    }
  }

  async #look(): Promise<void> {
    try {
      const service = await callMpin(await webClient(), { method: "GET", url: "/v1/service" }, readDemo);
      if (service.demo) this.demo = { authorities: service.descriptor.descriptor.authorities.length };
    } catch {
      // the page says the same with fewer words
    }
  }

  async #forget({ identity }: Account): Promise<void> {
    const client = this.#client as MpinClient;
    // Forgotten here even when the server cannot be told.
    await revokeDevice(client, identity).catch(() => {});
    await forgetAccount(client, identity);
    await this.#load();
  }
}

/** Undefined while a passkey is to be asked: that is for the person to begin, by its panel. */
async function mine(client: MpinClient): Promise<readonly Account[] | undefined> {
  try {
    return (await listAccounts(client)).accounts;
  } catch (error) {
    if (codeOf(error) !== "ERR_PASSKEY_LOCKED") throw error;
    return undefined;
  }
}

customElements.define("milagro-account", MilagroAccount);
