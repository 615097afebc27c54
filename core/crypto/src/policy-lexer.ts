/**
 * The words and signs of a policy's text, with the place of each.
 *
 * A word is one or more of letters, marks, decimal digits and `_ @ + / - .`, where `..` ends it. A quoted text knows two escapes,
 * `\"` and `\\`, and holds no control characters. `#` starts a comment that ends with the line.
 * @module
 */
import { utf8 } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { MAX_POLICY_BYTES, MAX_VALUE_BYTES, type PolicyPosition } from "./policy.ts";

/** `text` is the word, the unescaped quoted text, or the sign. */
export interface PolicyToken {
  readonly kind: "word" | "quoted" | "sign" | "end";
  readonly text: string;
  readonly at: PolicyPosition;
}

const SKIP = /(?:[ \t\r\n]|#[^\n]*)+/y;
const WORD = /(?:[\p{L}\p{M}\p{Nd}_@+/-]|\.(?!\.))+/uy;
const QUOTED = /"((?:[^"\\\p{Cc}]|\\["\\])*)"/uy;
const SIGN = /!=|<=|>=|&&|\|\||\.\.|[=:<>&|!(){}[\],]/y;
/** Signs that mean the same as another. */
const SYNONYMS: Readonly<Record<string, string>> = { ":": "=", "&&": "&", "||": "|" };
const OPEN_QUOTE = "this text is not closed, or holds a character or escape that is not allowed";
const INVISIBLE = /\p{Default_Ignorable_Code_Point}|\p{Cc}/u;
const WHOLE_WORD = /^(?:[\p{L}\p{M}\p{Nd}_@+/-]|\.(?!\.))+$/u;

/** @throws `ERR_POLICY_INVALID` with line and column in the message and, as `PolicyPosition`, in `cause` */
export function refusePolicy(at: PolicyPosition, reason: string): never {
  throw new MilagroError("ERR_POLICY_INVALID", `line ${at.line}, column ${at.column}: ${reason}`, { cause: at });
}

/** Whether a text may be a value: 1 to 255 bytes, form C, nothing invisible. */
export function isPolicyValue(text: string): boolean {
  return (
    text.length > 0 &&
    text.length <= MAX_VALUE_BYTES &&
    text.isWellFormed() &&
    text.normalize("NFC") === text &&
    !INVISIBLE.test(text) &&
    utf8(text).length <= MAX_VALUE_BYTES
  );
}

/** Whether a value reads as one word, so that it needs no quotes. */
export function isPolicyWord(text: string): boolean {
  return WHOLE_WORD.test(text);
}

/** All tokens; the last one is `end`. @throws `ERR_POLICY_INVALID` */
export function readTokens(text: string): readonly PolicyToken[] {
  if (text.length > MAX_POLICY_BYTES || !text.isWellFormed() || utf8(text).length > MAX_POLICY_BYTES) {
    refusePolicy({ line: 1, column: 1 }, "longer than 16 KiB, or broken text");
  }
  const tokens: PolicyToken[] = [];
  let offset = 0;
  let at: PolicyPosition = { line: 1, column: 1 };
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = offset;
    return pattern.exec(text) ?? undefined;
  };
  // Positions move on from the last one: counting each time from the line's start would take quadratic time.
  const pass = (part: string): void => {
    const lines = part.split("\n");
    const last = [...(lines.at(-1) as string)].length;
    at =
      lines.length > 1
        ? { line: at.line + lines.length - 1, column: last + 1 }
        : { line: at.line, column: at.column + last };
    offset += part.length;
  };
  for (;;) {
    const skipped = match(SKIP);
    if (skipped) pass(skipped[0]);
    if (offset === text.length) return [...tokens, { kind: "end", text: "", at }];
    const found = match(WORD) ?? match(QUOTED) ?? match(SIGN);
    if (!found) return refusePolicy(at, text[offset] === '"' ? OPEN_QUOTE : "a character that has no meaning here");
    tokens.push(tokenOf(found, at));
    pass(found[0]);
  }
}

function tokenOf(found: RegExpExecArray, at: PolicyPosition): PolicyToken {
  const [whole, quoted] = found;
  if (quoted !== undefined) return { kind: "quoted", text: quoted.replace(/\\(["\\])/g, "$1"), at };
  if (isPolicyWord(whole)) return { kind: "word", text: whole, at };
  return { kind: "sign", text: SYNONYMS[whole] ?? whole, at };
}
