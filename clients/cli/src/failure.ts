/**
 * Errors as a person and a script meet them: one line, a code, what to do; and the exit status. Never a stack trace,
 * unless `--debug` asks for one.
 * @module
 */
import type { PolicyPosition } from "@milagro/crypto/policy";
import { MilagroError } from "@milagro/engine/error";
import { ERROR_CODES } from "@milagro/protocol/error-codes";
import { faultReportOf } from "@milagro/protocol/fault";
import { encodeReceipt, type ReceiptWire } from "@milagro/protocol/issuance-messages";
import type { Io } from "./io.ts";
import { type OutputFormat, printable } from "./output.ts";
import { positionOf } from "./policy-position.ts";
import { styleFor } from "./style.ts";

/** 0 ok, 1 local error, 2 remote error, 3 refused by policy. `run` passes on the status of its child instead. */
export type ExitStatus = number;
export const EXIT_OK = 0;
export const EXIT_LOCAL = 1;

interface Described {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | undefined;
  readonly status: ExitStatus;
  /** What D-TAs that broke the rules have signed: whoever is shown one can check it without us. */
  readonly receipts: readonly ReceiptWire[];
  /** Where in a policy's text it is wrong. */
  readonly position?: PolicyPosition | undefined;
}

export function describeFailure(error: unknown): Described {
  if (error instanceof MilagroError) {
    const entry = entryOf(error.code);
    const receipts = faultReportOf(error).faults.flatMap(({ receipt }) => (receipt ? [encodeReceipt(receipt)] : []));
    const status = entry?.exit ?? EXIT_LOCAL;
    const position = positionOf(error);
    return { code: error.code, message: error.message, remedy: entry?.remedy, status, receipts, position };
  }
  if (isPromptCancelled(error)) {
    return { code: "ERR_CANCELLED", message: "cancelled", remedy: undefined, status: EXIT_LOCAL, receipts: [] };
  }
  if (isSystemError(error)) {
    return { code: error.code, message: systemMessage(error), remedy: undefined, status: EXIT_LOCAL, receipts: [] };
  }
  return {
    code: "ERR_INTERNAL",
    message: "something went wrong inside this program",
    remedy: "Run the command again with --debug and report what it prints.",
    status: EXIT_LOCAL,
    receipts: [],
  };
}

export function printFailure(io: Io, format: OutputFormat, debug: boolean, error: unknown): ExitStatus {
  const { code, message, remedy, status, receipts, position } = describeFailure(error);
  if (format === "json") {
    const described = {
      code,
      message,
      ...(remedy === undefined ? {} : { remedy }),
      ...(receipts.length === 0 ? {} : { receipts }),
      ...(position === undefined ? {} : position),
    };
    io.stderr.write(`${JSON.stringify({ error: described })}\n`);
  } else {
    const style = styleFor(io, "stderr");
    io.stderr.write(`${style.red("milagro:")} ${printable(message)} ${style.dim(`(${code})`)}\n`);
    if (remedy !== undefined) io.stderr.write(`  ${remedy}\n`);
    for (const receipt of receipts) io.stderr.write(`  receipt: ${JSON.stringify(receipt)}\n`);
  }
  if (debug) io.stderr.write(`${debugTrace(error)}\n`);
  return status;
}

function entryOf(code: string): { readonly exit: ExitStatus; readonly remedy: string } | undefined {
  return Object.hasOwn(ERROR_CODES, code) ? ERROR_CODES[code as keyof typeof ERROR_CODES] : undefined;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string";
}

function systemMessage(error: NodeJS.ErrnoException): string {
  const what = {
    ENOENT: "no such file or folder",
    EACCES: "permission denied",
    EEXIST: "already exists",
    EISDIR: "is a folder",
  };
  const text =
    Object.entries(what).find(([code]) => code === error.code)?.[1] ?? `${error.syscall} failed: ${error.code}`;
  return error.path === undefined ? text : `${error.path}: ${text}`;
}

function isPromptCancelled(error: unknown): boolean {
  return error instanceof Error && error.name === "ExitPromptError";
}

function debugTrace(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\ncaused by: ${debugTrace(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
