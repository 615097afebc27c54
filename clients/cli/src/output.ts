/**
 * What a command prints: one value, as a table for people or JSON for programs. Data goes to stdout, everything
 * about the run (progress, hints, errors) to stderr, so that a pipe carries data only.
 * @module
 */
import CliTable from "cli-table3";
import type { Io } from "./io.ts";
import { styleFor } from "./style.ts";

export type OutputFormat = "table" | "json";
export const OUTPUT_FORMATS = ["table", "json"] as const satisfies readonly OutputFormat[];

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** A result: `data` is what `--format json` prints and is API; `view` is how a person sees it. */
export interface Result {
  readonly data: Json;
  readonly view?: View;
  /** Exit status when it is not 0 although there is a result: something that was looked at is not well. */
  readonly exit?: number;
}

export type View =
  | {
      readonly kind: "rows";
      readonly columns: readonly string[];
      readonly rows: readonly (readonly string[])[];
      readonly empty: string;
    }
  | { readonly kind: "fields"; readonly fields: readonly (readonly [name: string, value: string])[] }
  | { readonly kind: "text"; readonly text: string };

const NO_BORDERS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

export function printResult(io: Io, format: OutputFormat, result: Result): void {
  if (format === "json") {
    io.stdout.write(`${JSON.stringify(result.data, null, 2)}\n`);
    return;
  }
  const text = renderView(io, result.view ?? fieldsOf(result.data));
  if (text !== "") io.stdout.write(`${text}\n`);
}

export function renderView(io: Io, view: View): string {
  const style = styleFor(io, "stdout");
  switch (view.kind) {
    case "text":
      return view.text;
    case "fields":
      return renderTable(view.fields.map(([name, value]) => [style.dim(name), value]));
    case "rows":
      if (view.rows.length === 0) return view.empty;
      return renderTable([
        view.columns.map((name) => style.bold(name.toUpperCase())),
        ...view.rows.map((row) => [...row]),
      ]);
  }
}

/** A view of plain data: one field a line; nested values as compact JSON. */
function fieldsOf(data: Json): View {
  if (typeof data !== "object" || data === null || Array.isArray(data)) return { kind: "text", text: String(data) };
  const fields = Object.entries(data)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)] as const);
  return { kind: "fields", fields };
}

function renderTable(rows: readonly string[][]): string {
  const table = new CliTable({
    chars: NO_BORDERS,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  table.push(...rows.map((row) => row.map(printable)));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Text from elsewhere may not move the cursor or change colours; our own SGR sequences (`ESC [ … m`) stay. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
  return text.replace(/\u001b(?!\[[0-9;]*m)|[\u0000-\u0009\u000b-\u001a\u001c-\u001f\u007f-\u009f]/g, "�");
}
