/**
 * `<milagro-enrol-codes>`: one field for each authority's code. A complete code moves on to the next field; dashes, spaces and small
 * letters are all right. In a demonstration the mailbox is shown below.
 *
 * Events: `milagro-codes` (detail: the codes) and `milagro-mail-again`, neither bubbling nor composed.
 * @module
 */
import { parseShortCode } from "@milagro/protocol/short-code";
import { css, html, nothing, type TemplateResult } from "lit";
import { SetupScreen } from "./setup-screen.ts";

export interface CodesFilled {
  readonly codes: readonly { readonly index: number; readonly text: string }[];
}

export class MilagroEnrolCodes extends SetupScreen {
  static override properties = {
    authorities: { attribute: false },
    refused: { attribute: false },
    user: { attribute: false },
    demo: { attribute: false },
    wrong: { state: true },
    said: { state: true },
  };
  static override styles = [
    ...SetupScreen.styles,
    css`
      .ours {
        display: grid;
        gap: 1rem;
      }
    `,
  ];

  declare authorities: readonly { readonly index: number; readonly name: string }[];
  /** Whose codes were not accepted. */
  declare refused: readonly number[];
  declare user: string;
  declare demo: boolean;
  declare private wrong: ReadonlySet<number>;
  declare private said: string;

  constructor() {
    super();
    this.authorities = [];
    this.refused = [];
    this.user = "";
    this.demo = false;
    this.wrong = new Set();
    this.said = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.demo) void import("./demo-mail.ts");
    // Shown first when the fields are there: a page element focuses itself only once.
    void this.updateComplete.then(() => this.focusView());
  }

  protected override get view(): string {
    return "codes";
  }

  protected override content(): TemplateResult {
    const { texts, setup } = this;
    return html`<div class="tight">
        <h1 tabindex="-1">${setup.codesMailed(this.authorities.length)}</h1>
        <p class="lead">${setup.codesMailedTo(this.user)}</p>
      </div>
      <form class="ours" novalidate @submit=${this.#submit}>
        ${this.authorities.map(({ index, name }, place) => this.#field(index, name, place))}
        <button class="action main wide" type="submit">${texts.next}</button>
      </form>
      <div class="row apart">
        <button class="link" type="button" @click=${this.#again}>${setup.mailAgain}</button>
        <span role="status" class="lead">${this.said}</span>
      </div>
      ${
        this.demo
          ? html`<milagro-demo-mail .user=${this.user} @milagro-code=${this.#fill}></milagro-demo-mail>`
          : nothing
      }`;
  }

  #field(index: number, name: string, place: number): TemplateResult {
    const { setup } = this;
    const wrong = this.wrong.has(index) ? setup.codeIncomplete : this.refused.includes(index) ? setup.codeRefused : "";
    return html`<div class="field">
      <label for="code-${index}">${setup.codeFrom(name)}</label>
      <input
        id="code-${index}"
        class="code"
        data-index=${index}
        ?data-focus=${place === 0}
        autocomplete="one-time-code"
        autocapitalize="characters"
        autocorrect="off"
        spellcheck="false"
        maxlength="24"
        aria-invalid=${wrong === "" ? "false" : "true"}
        aria-describedby="wrong-${index}"
        @input=${this.#moveOn}
      />
      <p class="wrong" id="wrong-${index}" role="alert">${wrong}</p>
    </div>`;
  }

  get #inputs(): readonly HTMLInputElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLInputElement>("input.code")];
  }

  #moveOn = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const code = parseShortCode(input.value);
    if (code === undefined) return;
    input.value = code;
    this.wrong = new Set([...this.wrong].filter((index) => index !== Number(input.dataset["index"])));
    this.refused = this.refused.filter((index) => index !== Number(input.dataset["index"]));
    this.#inputs.find((each) => each.value.trim() === "")?.focus();
  };

  #submit = (event: Event): void => {
    event.preventDefault();
    const codes = this.#inputs.map((input) => ({ index: Number(input.dataset["index"]), text: input.value }));
    const wrong = codes.filter(({ text }) => parseShortCode(text) === undefined).map(({ index }) => index);
    this.wrong = new Set(wrong);
    if (wrong.length > 0) {
      this.#inputs.find((input) => wrong.includes(Number(input.dataset["index"])))?.focus();
      return;
    }
    this.dispatchEvent(new CustomEvent<CodesFilled>("milagro-codes", { detail: { codes } }));
  };

  #again = (): void => {
    this.said = this.setup.mailedAgain;
    this.dispatchEvent(new CustomEvent("milagro-mail-again"));
  };

  /** From the mailbox of a demonstration. */
  #fill = (event: CustomEvent<{ readonly from: string; readonly code: string }>): void => {
    const { from, code } = event.detail;
    const authority = this.authorities.find(({ name }) => from.includes(name));
    const input = this.#inputs.find((each) => Number(each.dataset["index"]) === authority?.index);
    if (!input) return;
    input.value = code;
    input.dispatchEvent(new Event("input"));
  };
}

customElements.define("milagro-enrol-codes", MilagroEnrolCodes);
