/**
 * The rows as people like to read them.
 * @module
 */
import type { Row } from "./reporter.ts";

const HEADINGS = ["", "median", "best", "unit", "peer", "median", "best", "ratio"];

/** A table of one area; a name that repeats (one row per peer) is shown once. Notes stand below. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map((row, i) => [
    rows[i - 1]?.name === row.name ? "" : row.name,
    rows[i - 1]?.name === row.name ? "" : number(row.value),
    rows[i - 1]?.name === row.name ? "" : number(row.minimum),
    row.unit,
    row.peer ?? "",
    number(row.peerValue),
    number(row.peerMinimum),
    row.ratio === null ? "" : `${row.ratio.toFixed(2)}×`,
  ]);
  const widths = HEADINGS.map((heading, c) => Math.max(heading.length, ...cells.map((line) => (line[c] ?? "").length)));
  const format = (line: readonly string[]): string =>
    line
      .map((cell, c) => (c === 0 || c === 3 || c === 4 ? cell.padEnd(widths[c] ?? 0) : cell.padStart(widths[c] ?? 0)))
      .join("  ");
  const notes = rows.flatMap(({ name, peer, note }) =>
    note === undefined ? [] : [`${peer === null ? name : `${name}, ${peer}`}: ${note}`],
  );
  const lines = [format(HEADINGS), widths.map((w) => "─".repeat(w)).join("  "), ...cells.map(format)];
  return [...lines, ...(notes.length === 0 ? [] : ["", ...new Set(notes)])].join("\n");
}

function number(value: number | null): string {
  if (value === null) return "";
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(value);
}
