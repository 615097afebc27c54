/**
 * Templates: a text with `{{secret "path"}}` in it, and nothing more. No expressions, no includes, no code: a template can
 * only ask for secrets that this endpoint has.
 *
 *   template = *( text / "{{" ws "secret" ws '"' path '"' [ ws "|" ws format ] ws "}}" )
 *   format   = "text" / "json" / "base64"          json: a quoted JSON string; text (the default) and json need UTF-8
 *
 * Text between braces that is anything else is refused, so a typing error never ends up in a configuration file.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { parseSecretPath, type SecretPath } from "@milagro/protocol/secret-path";

export type TemplateFormat = "text" | "json" | "base64";

export type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "secret"; readonly path: SecretPath; readonly format: TemplateFormat };

export interface Template {
  readonly parts: readonly TemplatePart[];
  /** Every path the template asks for, once. */
  readonly paths: readonly SecretPath[];
}

const TAG = /^\s*secret\s+"([^"\s{}]+)"\s*(?:\|\s*(text|json|base64)\s*)?$/;

/** @throws `ERR_TEMPLATE_INVALID` with the line, `ERR_PATH_INVALID` */
export function parseTemplate(source: string): Template {
  const parts: TemplatePart[] = [];
  let position = 0;
  while (position < source.length) {
    const open = source.indexOf("{{", position);
    if (open < 0) break;
    const close = source.indexOf("}}", open);
    const tag = close < 0 ? null : TAG.exec(source.slice(open + 2, close));
    if (!tag) throw invalid(source, open);
    if (open > position) parts.push({ kind: "text", text: source.slice(position, open) });
    parts.push({ kind: "secret", path: parseSecretPath(tag[1] ?? ""), format: (tag[2] ?? "text") as TemplateFormat });
    position = close + 2;
  }
  if (position < source.length) parts.push({ kind: "text", text: source.slice(position) });
  return { parts, paths: [...new Set(parts.flatMap((part) => (part.kind === "secret" ? [part.path] : [])))] };
}

/**
 * Fills a template in.
 * @param values - the plaintext of every path in `template.paths`; undefined when one is not there yet
 * @returns undefined while a secret is missing: a half-filled file is never written
 * @throws `ERR_TEMPLATE_INVALID` when a secret that is to be shown as text is not UTF-8
 */
export function renderTemplate(
  template: Template,
  values: (path: SecretPath) => Uint8Array | undefined,
): Uint8Array | undefined {
  const pieces: Uint8Array[] = [];
  for (const part of template.parts) {
    if (part.kind === "text") {
      pieces.push(Buffer.from(part.text));
      continue;
    }
    const value = values(part.path);
    if (value === undefined) return undefined;
    pieces.push(formatted(value, part));
  }
  return new Uint8Array(Buffer.concat(pieces));
}

function formatted(value: Uint8Array, part: TemplatePart & { kind: "secret" }): Uint8Array {
  if (part.format === "base64") return Buffer.from(Buffer.from(value).toString("base64"));
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    throw new MilagroError(
      "ERR_TEMPLATE_INVALID",
      `${part.path} is not text; write {{secret "${part.path}" | base64}}`,
    );
  }
  return Buffer.from(part.format === "json" ? JSON.stringify(text) : text);
}

function invalid(source: string, at: number): MilagroError {
  const line = source.slice(0, at).split("\n").length;
  return new MilagroError(
    "ERR_TEMPLATE_INVALID",
    `line ${line}: between {{ and }} there is only: secret "path" [| json or base64]`,
  );
}
