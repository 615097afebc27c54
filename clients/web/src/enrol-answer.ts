/**
 * What the answers to an enrolment lead to. Pure: who asks and who shows is elsewhere.
 * @module
 */
import type { OpenIdProgress } from "@milagro/client/mpin-enrol";
import type { Way } from "./enrol-flow.ts";
import type { SetupTexts } from "./setup-texts/texts.ts";
import type { Texts } from "./texts/texts.ts";

/** What is said to a person, in the language of the moment. */
export type Said = (setup: SetupTexts, texts: Texts) => string;

/** How an authority stands. */
export type Step = "asked" | "checked" | "failed";

export type Next =
  | { readonly name: "choose" }
  /** Nothing of this enrolment is of use: from the beginning. */
  | { readonly name: "who"; readonly said: Said }
  /** By the same way once more. @property refused - index of each authority that did not accept it */
  | { readonly name: "evidence"; readonly refused: readonly number[]; readonly said: Said | undefined }
  | { readonly name: "offline"; readonly said: Said };

/** Beside a code that was mailed each field says it itself. */
const REFUSED: Readonly<Record<Exclude<Way, "openid">, Said | undefined>> = {
  email: undefined,
  activation: (setup) => setup.activationRefused,
  "quick-code": (setup) => setup.quickCodeRefused,
};

/** After the authorities have answered. */
export function nextAfter(progress: OpenIdProgress, way: Way): Next {
  switch (progress.outcome) {
    case "issued":
      return { name: "choose" };
    case "declined":
      return { name: "who", said: (setup) => setup.openIdRefused };
    case "refused":
      if (way === "openid") return nextAfter({ outcome: "declined" }, way);
      return { name: "evidence", refused: progress.refusals.map(({ index }) => index), said: REFUSED[way] };
    case "waiting": {
      const names = progress.missing.map(({ name }) => name).join(", ");
      return { name: "offline", said: (setup) => setup.waitingFor(names) };
    }
  }
}

/** How each authority stands then. */
export function stepsAfter(
  progress: OpenIdProgress,
  authorities: readonly { readonly index: number }[],
): ReadonlyMap<number, Step> {
  const failed =
    progress.outcome === "refused" ? progress.refusals : progress.outcome === "waiting" ? progress.missing : [];
  return new Map(
    authorities.map(({ index }) => [index, failed.some((one) => one.index === index) ? "failed" : "checked"]),
  );
}

/** Whether what was thrown was only out of reach, so that the same can be tried again. */
export const isOutage = (code: string): boolean =>
  ["ERR_UNREACHABLE", "ERR_TIMEOUT", "ERR_OVERLOADED", "ERR_SEALED"].includes(code);

/** Whether a QuickCode is none, or none any more: then another may be typed. */
export const isQuickCodeRefusal = (code: string): boolean => /^ERR_(ENCODING_INVALID|QUICK_CODE)/.test(code);
