/**
 * `<milagro-handover>`: the phone's side of a login on another screen. It shows where that screen is and three numbers; only with the
 * right one, and the PIN, somebody is logged in there.
 *
 * Attribute `code`: the id out of the scanned address.
 * @module
 */
import { type HandoverView, handoverIdOf, viewHandover } from "@milagro/client/mpin-handover";
import type { LoginPurpose } from "@milagro/client/mpin-login";
import { css, html, type TemplateResult } from "lit";
import { agentSaid } from "./agent-said.ts";
import "./login.ts";
import { codeOf } from "./screen.ts";
import { SetupScreen } from "./setup-screen.ts";
import { webClient } from "./web-client.ts";

type View =
  | { readonly name: "loading" | "done" | "stopped" | "expired" }
  | { readonly name: "choose"; readonly handover: HandoverView }
  | { readonly name: "pin"; readonly purpose: LoginPurpose }
  | { readonly name: "failed"; readonly code: string };

export class MilagroHandover extends SetupScreen {
  static override properties = { code: {}, screen: { state: true } };
  static override styles = [
    ...SetupScreen.styles,
    css`
      dl {
        display: grid;
        grid-template-columns: max-content 1fr;
        gap: 0.25rem 1rem;
        padding: 0.9rem 1rem;
        border-radius: var(--_radius);
        background: var(--_sunken);
      }
      dt {
        color: var(--_muted);
      }
      @media (max-width: 26rem) {
        dl {
          grid-template-columns: 1fr;
          gap: 0;
        }
        dd + dt {
          margin-block-start: 0.6rem;
        }
      }
      .numbers {
        display: grid;
        grid-template-columns: repeat(3, 1fr);
        gap: 0.6rem;
      }
      .numbers .action {
        min-block-size: 4.5rem;
        padding: 0;
        font: 700 2rem var(--_mono);
      }
      h2 {
        font-size: 1.125rem;
      }
    `,
  ];

  declare code: string;
  declare private screen: View;
  #id: Uint8Array | undefined;

  constructor() {
    super();
    this.code = "";
    this.screen = { name: "loading" };
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#load();
  }

  protected override get view(): string {
    return this.screen.name;
  }

  protected override content(): TemplateResult {
    const { screen, texts, setup } = this;
    switch (screen.name) {
      case "loading":
        return html`<p class="row" role="status"><span class="wheel"></span>${texts.loading}</p>`;
      case "choose":
        return this.#chooseView(screen.handover);
      case "pin":
        return html`<milagro-login
          .purpose=${screen.purpose}
          @milagro-login=${this.#done}
          @milagro-failed=${this.#failed}
        ></milagro-login>`;
      case "done":
        return this.#said(setup.otherScreenDone, setup.otherScreenDoneHelp);
      case "stopped":
        return this.#said(setup.otherScreenStopped, setup.otherScreenStoppedHelp);
      case "expired":
        return this.#said(setup.codeExpired, setup.codeExpiredHelp);
      case "failed":
        return this.#said(texts.failed, texts.failedHelp(screen.code));
    }
  }

  #said(title: string, help: string): TemplateResult {
    return html`<div class="tight" role="status">
      <h1 tabindex="-1">${title}</h1>
      <p class="lead">${help}</p>
    </div>`;
  }

  #chooseView({ client, place, choices }: HandoverView): TemplateResult {
    const { setup } = this;
    return html`<div class="tight">
        <h1 tabindex="-1">${setup.otherScreen}</h1>
        <p class="lead">${setup.otherScreenAsks(client)}</p>
      </div>
      <dl>
        <dt>${setup.browser}</dt>
        <dd><bdi>${agentSaid(place.agent)}</bdi></dd>
        <dt>${setup.networkAddress}</dt>
        <dd><bdi>${place.address}</bdi></dd>
      </dl>
      <div class="tight">
        <h2 id="which">${setup.whichNumber}</h2>
        <p class="lead">${setup.whichNumberHelp}</p>
      </div>
      <div class="numbers" role="group" aria-labelledby="which">
        ${choices.map(
          (number) =>
            html`<button class="action" type="button" data-number=${number} @click=${() => this.#choose(number, client)}>${number}</button>`,
        )}
      </div>
      <button class="link" type="button" @click=${this.#stop}>${setup.noneOfThese}</button>`;
  }

  async #load(): Promise<void> {
    try {
      this.#id = handoverIdOf(this.code);
      this.screen = { name: "choose", handover: await viewHandover(await webClient(), this.#id) };
    } catch (error) {
      const code = codeOf(error);
      const gone = ["ERR_HANDOVER_UNKNOWN", "ERR_ENCODING_INVALID", "ERR_MESSAGE_INVALID"].includes(code);
      this.screen = gone ? { name: "expired" } : { name: "failed", code };
    }
  }

  #choose(number: string, client: string): void {
    const purpose: LoginPurpose = { type: "handover", id: this.#id as Uint8Array, number, client };
    this.screen = { name: "pin", purpose };
  }

  #stop = (): void => {
    this.screen = { name: "stopped" };
  };

  /** The server has looked at the number before the PIN: a wrong one ended it. */
  #failed = (event: CustomEvent<{ readonly code: string }>): void => {
    if (event.detail.code === "ERR_NUMBER_MISMATCH") this.screen = { name: "stopped" };
    if (event.detail.code === "ERR_HANDOVER_UNKNOWN") this.screen = { name: "expired" };
  };

  #done = (): void => {
    this.screen = { name: "done" };
  };
}

customElements.define("milagro-handover", MilagroHandover);
