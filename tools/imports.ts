/**
 * What a file imports, read as text: import, export-from and dynamic import, outside comments.
 * @module
 */

export interface Import {
  readonly specifier: string;
  /** From 1. */
  readonly line: number;
}

const SPECIFIER =
  /(?:^|[\s;}])(?:import|export)\b[^"';]*?from\s*["']([^"']+)["']|\bimport\s*\(\s*["']([^"']+)["']\s*\)|(?:^|[\s;])import\s*["']([^"']+)["']/g;

export function importsOf(text: string): Import[] {
  const withoutComments = text
    .replace(/\/\*[\s\S]*?\*\//g, (part) => part.replace(/[^\n]/g, " "))
    .replace(/^\s*\/\/[^\n]*/gm, "");
  return [...withoutComments.matchAll(SPECIFIER)].map((match) => ({
    specifier: match[1] ?? match[2] ?? match[3] ?? "",
    line: lineOf(withoutComments, match.index),
  }));
}

export function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
