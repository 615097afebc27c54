/**
 * The conversation of an enrolment: which screen comes after which. It asks by `enrol-flow.ts`, follows `enrol-answer.ts`, and what
 * it shows is drawn by `enrol.ts`. Reloading the page loses nothing but the PIN.
 * @module
 */
import type { Pin } from "@milagro/client/mpin";
import type { OpenIdAnswer, OpenIdProgress, PendingEnrolment } from "@milagro/client/mpin-enrol";
import type { MpinClient } from "@milagro/client/mpin-ports";
import { parseMpinIdentity, splitMpinIdentity } from "@milagro/crypto/mpin-identity";
import { isOutage, isQuickCodeRefusal, nextAfter, type Said, type Step, stepsAfter } from "./enrol-answer.ts";
import { EnrolFlow, type Way } from "./enrol-flow.ts";
import type { Language } from "./language.ts";
import { leaveForLogin, parseAnswer } from "./openid-return.ts";
import { takePasskeyWish, wishForPasskey } from "./passkey-wish.ts";
import { codeOf } from "./screen.ts";
import type { WeakPin } from "./setup-texts/texts.ts";
import { gate, webClient } from "./web-client.ts";

export type EnrolScreen =
  | {
      readonly name: "loading" | "who" | "activation" | "quick-code" | "progress" | "choose" | "repeat" | "registering";
    }
  | { readonly name: "passkey"; readonly identity: string }
  | { readonly name: "restore"; readonly client: MpinClient }
  | { readonly name: "codes"; readonly refused: readonly number[] }
  | { readonly name: "number"; readonly number: string | undefined }
  | { readonly name: "interrupted"; readonly pending: PendingEnrolment }
  | { readonly name: "failed"; readonly code: string }
  | { readonly name: "offline"; readonly again: () => void };

/** Who wants to set up a device, as typed. */
export interface Who {
  readonly user: string;
  readonly label: string;
  readonly passkey: boolean;
}

export interface EnrolHost {
  /** Of the mails. */
  speaks(): Language;
  /** Something is to be shown. */
  requestUpdate(): void;
  /** @param pin - the callee's to use up */
  finished(identity: string, pin: Pin | undefined): void;
}

export class EnrolTalk {
  screen: EnrolScreen = { name: "loading" };
  /** What was wrong with the last entry. */
  said: Said | undefined;
  steps: ReadonlyMap<number, Step> = new Map();
  /** The address that was typed last, so that it need not be typed again. */
  user = "";

  readonly #host: EnrolHost;
  #flow: EnrolFlow | undefined;
  #pin: Pin | undefined;
  #way: Way = "email";
  #open = true;

  constructor(host: EnrolHost) {
    this.#host = host;
  }

  /** Undefined until the login server has answered. */
  get flow(): EnrolFlow | undefined {
    return this.#flow;
  }

  /** @param query - with which an OpenID provider has sent the browser back */
  start = async (query?: string): Promise<void> => {
    this.#open = true;
    await this.#guard(
      async () => {
        const answer = query === undefined ? undefined : parseAnswer(query);
        const { flow, interrupted } = await EnrolFlow.open(answer);
        this.#flow = flow;
        if (answer) return this.#cameBack(answer, interrupted);
        this.#show(interrupted ? { name: "interrupted", pending: interrupted } : { name: "who" });
      },
      () => this.start(),
    );
  };

  /** Forgets secrets in memory. */
  close(): void {
    this.#open = false;
    this.#flow?.close();
    this.#pin?.destroy();
  }

  begin = async (way: Way, { user, label, passkey }: Who): Promise<void> => {
    this.user = user;
    if (!/^[^\s@/]+@[^\s@/]+\.[^\s@/]+$/.test(user)) return this.#show({ name: "who" }, (setup) => setup.emailInvalid);
    wishForPasskey(passkey);
    this.#way = way;
    this.#show({ name: "loading" });
    await this.#guard(
      async () => {
        await this.#current.begin(user, label);
        await this.#askForEvidence();
      },
      () => this.start(),
    );
  };

  goOn = async (pending: PendingEnrolment): Promise<void> => {
    if (this.#take(pending)) return this.#register();
    this.#show({ name: "loading" });
    await this.#guard(
      async () => {
        const brought = pending.stage === "asking" && pending.authorities.every((each) => each.brought);
        if (pending.stage === "asking" && pending.quickCode) {
          this.#way = "quick-code";
          this.#show({ name: "number", number: pending.quickCode.number });
          await this.#waitForApproval();
        } else if (brought) {
          await this.#askAgain();
        } else {
          if (pending.stage === "asking" && pending.openId) this.#way = "openid";
          await this.#askForEvidence();
        }
      },
      () => this.start(),
    );
  };

  giveUp = async (pending: PendingEnrolment): Promise<void> => {
    this.user = pending.user;
    await pending.abandon();
    this.#show({ name: "who" });
  };

  startOver = async (): Promise<void> => {
    await this.#flow?.abandon().catch(() => {});
    this.#show({ name: "loading" });
    await this.start();
  };

  restore = async (): Promise<void> => {
    await this.#guard(
      async () => {
        await import("./account-backup.ts");
        this.#show({ name: "restore", client: await webClient() });
      },
      () => this.start(),
    );
  };

  mailAgain = async (): Promise<void> => {
    await this.#flow?.requestCodes(this.#host.speaks()).catch(() => {});
  };

  submitCodes = (codes: readonly { readonly index: number; readonly text: string }[]): Promise<void> =>
    this.#progress(() => this.#current.submitCodes(codes));

  submitActivation = async (text: string): Promise<void> => {
    const asked = this.#current.submitActivation(text);
    if (asked) await this.#progress(() => asked);
    else this.#show({ name: "activation" }, (setup) => setup.activationRefused);
  };

  claim = async (text: string): Promise<void> => {
    this.#show({ name: "loading" });
    await this.#guard(
      async () => {
        try {
          await this.#current.claimQuickCode(text);
        } catch (error) {
          if (!isQuickCodeRefusal(codeOf(error))) throw error;
          return this.#show({ name: "quick-code" }, (setup) => setup.quickCodeRefused);
        }
        this.#show({ name: "number", number: undefined });
        await this.#waitForApproval();
      },
      () => this.start(),
    );
  };

  /** The first of two entries. */
  choosePin = (digits: Uint8Array): void => {
    const weakness = this.#current.choose(digits);
    if (weakness) this.#show({ name: "choose" }, (setup) => setup.weakPin[weakness as WeakPin]);
    else this.#show({ name: "repeat" });
  };

  repeatPin = async (digits: Uint8Array): Promise<void> => {
    await this.#guard(
      async () => {
        this.#pin = await this.#current.repeat(digits);
        if (this.#pin) await this.#register();
        else this.#show({ name: "choose" }, (setup) => setup.pinsDiffer);
      },
      () => this.#register(),
    );
  };

  seal = async (identity: string): Promise<void> => {
    try {
      await (await gate()).seal(splitMpinIdentity(parseMpinIdentity(identity)).user);
      this.finish(identity);
    } catch (error) {
      const code = codeOf(error);
      this.#show({ name: "passkey", identity }, (setup, texts) =>
        code === "ERR_PASSKEY_UNAVAILABLE" ? setup.passkeyFailed : texts.failedHelp(code),
      );
    }
  };

  finish = (identity: string): void => {
    const pin = this.#pin;
    this.#pin = undefined;
    this.#host.finished(identity, pin);
  };

  get #current(): EnrolFlow {
    if (!this.#flow) throw new TypeError("nothing has been opened");
    return this.#flow;
  }

  #show(screen: EnrolScreen, said?: Said): void {
    this.screen = screen;
    this.said = said;
    this.#host.requestUpdate();
  }

  #take(pending: PendingEnrolment): boolean {
    this.user = pending.user;
    return this.#current.take(pending);
  }

  /** From an OpenID provider. */
  async #cameBack(answer: OpenIdAnswer, pending: PendingEnrolment | undefined): Promise<void> {
    this.#way = "openid";
    if (!pending) return this.#show({ name: "who" }, (setup) => setup.openIdRefused);
    this.#take(pending);
    await this.#progress(
      async () => {
        try {
          return await this.#current.takeOpenIdAnswer(answer);
        } catch (error) {
          if (codeOf(error) !== "ERR_EVIDENCE_INVALID") throw error;
          return { outcome: "declined" };
        }
      },
      // The answer is used up, so the next try is another login there.
      () => this.#askForEvidence(),
    );
  }

  /** By the way that was chosen. @param refused - whose codes were not accepted */
  async #askForEvidence(refused: readonly number[] = [], said?: Said): Promise<void> {
    if (this.#way === "email") {
      if (refused.length === 0) await this.#current.requestCodes(this.#host.speaks());
      this.#show({ name: "codes", refused });
    } else if (this.#way === "openid") {
      const address = await this.#current.openIdAddress();
      leaveForLogin();
      location.assign(address);
    } else {
      this.#show({ name: this.#way }, said);
    }
  }

  async #waitForApproval(): Promise<void> {
    while (this.#open && this.screen.name === "number") {
      const progress = await this.#current.awaitApproval();
      if (progress.outcome === "unapproved") continue;
      if (progress.outcome === "number") {
        this.#show({ name: "number", number: progress.number });
        continue;
      }
      if (progress.outcome === "rejected") return this.#show({ name: "quick-code" }, (setup) => setup.deviceRefused);
      return this.#progress(() => Promise.resolve(progress));
    }
  }

  /** With what has been brought. */
  #askAgain = (): Promise<void> => this.#progress(() => this.#current.submitAgain());

  /** Shows the authorities while they are asked, and goes on with what they said. */
  async #progress(ask: () => Promise<OpenIdProgress>, again: () => Promise<void> = this.#askAgain): Promise<void> {
    this.steps = new Map();
    this.#show({ name: "progress" });
    await this.#guard(async () => this.#answered(await ask()), again);
  }

  async #answered(progress: OpenIdProgress): Promise<void> {
    this.steps = stepsAfter(progress, this.#current.authorities);
    this.#host.requestUpdate();
    const next = nextAfter(progress, this.#way);
    if (next.name === "choose") {
      // Long enough to be seen; the parts arrive within a blink.
      await new Promise((resolve) => setTimeout(resolve, 900));
      this.#show(next);
    } else if (next.name === "who") {
      await this.#current.abandon();
      this.#show({ name: "who" }, next.said);
    } else if (next.name === "evidence") {
      await this.#askForEvidence(next.refused, next.said);
    } else {
      this.#show({ name: "offline", again: () => void this.#askAgain() }, next.said);
    }
  }

  #register = async (): Promise<void> => {
    this.#show({ name: "registering" });
    await this.#guard(async () => {
      const registered = await this.#current.register();
      if (!registered) this.#show({ name: "offline", again: () => void this.#register() });
      else if (takePasskeyWish()) this.#show({ name: "passkey", identity: registered.identity });
      else this.finish(registered.identity);
    }, this.#register);
  };

  /** What is thrown is shown; what was only unreachable can be tried again. */
  async #guard(work: () => Promise<void>, again: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const code = codeOf(error);
      this.#show(isOutage(code) ? { name: "offline", again: () => void again() } : { name: "failed", code });
    }
  }
}
