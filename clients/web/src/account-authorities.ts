/**
 * `<milagro-authorities>`: what each D-TA's public log says about this device. Read from the D-TAs themselves, not by way of the
 * login server.
 * @module
 */
import { apiUrl, callJson } from "@milagro/client/json-call";
import { type LogEntry, parseDtaStatus, parseLogPage } from "@milagro/protocol/dta-messages";
import { css, html, type PropertyValues, type TemplateResult } from "lit";
import { AccountPanel } from "./account-panel.ts";

/** How far back it looks: entries are few, and about others for the most part. */
const LAST = 1000;

interface Seen {
  readonly name: string;
  readonly url: string;
  /** `undefined` while it is asked, `false` when it cannot be reached. */
  readonly entries: readonly LogEntry[] | undefined | false;
}

export class MilagroAuthorities extends AccountPanel {
  static override properties = { ...AccountPanel.properties, seen: { state: true } };
  static override styles = [
    ...AccountPanel.styles,
    css`
      .all {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(15rem, 100%), 1fr));
        gap: 1.25rem;
      }
      ol {
        display: grid;
        gap: 0.6rem;
        margin-block-start: 0.6rem;
      }
      ol li {
        border-inline-start: 3px solid var(--_accent);
        padding-inline-start: 0.75rem;
      }
    `,
  ];

  declare private seen: readonly Seen[];

  constructor() {
    super();
    this.seen = [];
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("account")) void this.#look();
  }

  protected override content(): TemplateResult {
    const { own, texts } = this;
    return html`<div class="row apart">
        <h2>${own.whatTheySaw}</h2>
        <button class="action small" type="button" @click=${() => this.#look()}>${own.refresh}</button>
      </div>
      <p class="lead">${own.whatTheySawHelp}</p>
      <div class="all">
        ${this.seen.map(
          ({ name, entries }) => html`<section aria-label=${name}>
            <h3>${name}</h3>
            ${
              entries === undefined
                ? html`<p class="lead">${texts.loading}</p>`
                : entries === false
                  ? html`<p class="lead">${own.notReached}</p>`
                  : entries.length === 0
                    ? html`<p class="lead">${own.sawNothing}</p>`
                    : html`<ol>${entries.map((entry) => this.#entry(entry))}</ol>`
            }
          </section>`,
        )}
      </div>`;
  }

  #entry({ index, time, action }: LogEntry): TemplateResult {
    const { own } = this;
    const known = action in own.actions ? own.actions[action as keyof typeof own.actions] : action;
    return html`<li>
      <span>${known}</span>
      <p class="lead">${this.whenSaid(time)} · ${own.entry(index)}</p>
    </li>`;
  }

  async #look(): Promise<void> {
    const authorities = this.account?.authorities ?? [];
    this.seen = authorities.map(({ name, url }) => ({ name, url, entries: undefined }));
    await Promise.all(
      authorities.map(async ({ url }, place) => {
        const entries = await this.#entriesOf(url).catch(() => false as const);
        this.seen = this.seen.map((one, each) => (each === place ? { ...one, entries } : one));
      }),
    );
  }

  async #entriesOf(url: string): Promise<readonly LogEntry[]> {
    const get = <T>(path: string, query: Record<string, number>, parse: (value: unknown) => T) =>
      callJson(this.client.http, { method: "GET", url: apiUrl(url, path, query), idempotent: true }, parse);
    const { log } = await get("/v1/dta", {}, parseDtaStatus);
    const { entries } = await get("/v1/log", { after: Math.max(0, log.index - LAST), limit: LAST }, parseLogPage);
    return entries.filter(({ subject }) => subject === this.account?.identity).reverse();
  }
}

customElements.define("milagro-authorities", MilagroAuthorities);
