/**
 * Files that import each other in a loop: none of them can be read, tested or moved without all the others.
 * @module
 */
import { posix } from "node:path";
import { importsOf } from "./imports.ts";

/**
 * @param texts - every file's text by its path, with forward slashes
 * @returns each loop once, as the paths of the files in it, sorted; types count as much as values
 */
export function findCircles(texts: ReadonlyMap<string, string>): string[][] {
  const imports = new Map(
    [...texts].map(([file, text]) => [
      file,
      importsOf(text)
        .map(({ specifier }) => posix.join(posix.dirname(file), specifier))
        .filter((target) => texts.has(target)),
    ]),
  );
  return strongComponents(imports).filter((files) => files.length > 1);
}

/** Tarjan's algorithm. Source: R. Tarjan, Depth-first search and linear graph algorithms, SIAM J. Comput. 1 (1972). */
function strongComponents(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const open: string[] = [];
  const visit = (node: string): number => {
    const own = order.size;
    order.set(node, own);
    open.push(node);
    let low = own;
    for (const next of edges.get(node) ?? []) {
      if (!order.has(next)) low = Math.min(low, visit(next));
      else if (open.includes(next)) low = Math.min(low, order.get(next) ?? own);
    }
    if (low === own) found.push(open.splice(open.indexOf(node)).sort());
    return low;
  };
  for (const node of edges.keys()) if (!order.has(node)) visit(node);
  return found;
}
