/**
 * What the parts of the account page share: client, account and session as properties, the page's texts, and the way to ask for a PIN.
 * @module
 */
import type { Account, Me, MpinClient, Pin } from "@milagro/client/mpin";
import { parsePin } from "@milagro/client/mpin";
import { css } from "lit";
import { ACCOUNT_TEXTS } from "./account-language.ts";
import type { AccountTexts } from "./account-texts/texts.ts";
import { MilagroAskPin } from "./ask-pin.ts";
import { blockedUntil } from "./screen.ts";
import { SetupScreen } from "./setup-screen.ts";
import { TextsController } from "./texts-controller.ts";

/** Asks once more, saying this. */
export type Again = { readonly again: string };

export abstract class AccountPanel extends SetupScreen {
  static override properties = {
    client: { attribute: false },
    me: { attribute: false },
    account: { attribute: false },
  };
  static override styles = [
    ...SetupScreen.styles,
    css`
      h2 {
        font-size: 1.1875rem;
      }
      .lead {
        font-size: 0.9375rem;
      }
      .icon {
        inline-size: 1.25rem;
        block-size: 1.25rem;
        fill: none;
        stroke: currentColor;
        stroke-width: 2;
        stroke-linecap: round;
        stroke-linejoin: round;
      }
    `,
  ];

  declare client: MpinClient;
  declare me: Me;
  /** The account of this browser that is logged in; undefined on a screen that was logged in by phone. */
  declare account: Account | undefined;

  readonly #own = new TextsController(this, ACCOUNT_TEXTS);

  protected get own(): AccountTexts {
    return this.#own.texts;
  }

  protected override get view(): string {
    return "";
  }

  /**
   * Asks for a PIN, and again as long as `use` says so.
   * @param use - takes the PIN, which is its to use up
   * @param quote - what the PIN is for, shown beside the pad
   * @returns what `use` came to; undefined when the person closed the dialogue
   */
  protected async withPin<T>(
    label: string,
    use: (pin: Pin) => Promise<T | Again>,
    quote?: string,
  ): Promise<T | undefined> {
    const { min, max } = this.account?.pinPolicy ?? { min: 4, max: 8 };
    const dialog = new MilagroAskPin();
    this.renderRoot.append(dialog);
    try {
      let said = "";
      for (;;) {
        const digits = await dialog.ask({ label, min, max, said, quote });
        if (!digits) return undefined;
        const result = await use(parsePin(digits));
        if (!isAgain(result)) return result;
        said = result.again;
      }
    } finally {
      dialog.remove();
    }
  }

  /** How a login, or what contains one, ended otherwise than well; in words. */
  protected refusalSaid(
    outcome:
      | { readonly outcome: "refused"; readonly attemptsLeft: number; readonly retryAfter?: number }
      | { readonly outcome: "blocked"; readonly retryAfter?: number }
      | { readonly outcome: "revoked"; readonly authority: { readonly name: string } }
      | { readonly outcome: "outdated" | "offline" },
  ): Again | { readonly over: string } {
    const { texts } = this;
    switch (outcome.outcome) {
      case "refused":
      case "blocked": {
        const { retryAfter } = outcome;
        if (outcome.outcome === "refused" && outcome.attemptsLeft > 0) {
          const wait = retryAfter ? ` ${texts.waitSeconds(retryAfter)}` : "";
          return { again: `${texts.wrongPin} ${texts.attemptsLeft(outcome.attemptsLeft)}${wait}` };
        }
        return { over: `${texts.blocked}. ${this.blockedSaid(blockedUntil(retryAfter))}` };
      }
      case "revoked":
        return { over: `${texts.revoked}. ${texts.revokedHelp(outcome.authority.name)}` };
      case "outdated":
        return { over: `${texts.revoked}. ${texts.outdatedHelp}` };
      case "offline":
        return { over: `${texts.offline}. ${texts.offlineHelp}` };
    }
  }
}

const isAgain = (value: unknown): value is Again => typeof value === "object" && value !== null && "again" in value;
