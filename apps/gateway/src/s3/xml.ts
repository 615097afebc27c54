/**
 * S3's XML, written and read by a kept library: no entities of its own making, no processing of documents beyond what S3 sends.
 * @module
 */
import { XMLBuilder, XMLParser } from "fast-xml-parser";
import { S3Error } from "./errors.ts";

export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | readonly XmlValue[]
  | { readonly [name: string]: XmlValue };

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";
const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: "@", suppressEmptyNode: false });
const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  processEntities: true,
  trimValues: false,
  ignoreDeclaration: true,
});

/** One document, in S3's namespace. */
export function writeXml(root: string, content: { readonly [name: string]: XmlValue }): string {
  return write(root, { "@xmlns": NAMESPACE, ...content });
}

/** Error documents have no namespace. */
export function writeErrorXml(fields: { readonly [name: string]: XmlValue }): string {
  return write("Error", fields);
}

function write(root: string, content: object): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build({ [root]: cleaned(content) })}`;
}

/** The builder writes what is undefined as an empty element; XML 1.0 has no control characters but three. */
function cleaned(value: unknown): unknown {
  if (typeof value === "string")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML cannot hold
    return value.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, child]) => child !== undefined)
      .map(([name, child]) => [name, cleaned(child)]),
  );
}

/** The content of a document's root. @throws `MalformedXML` */
export function readXml(bytes: Uint8Array, root: string): Readonly<Record<string, unknown>> {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (/<!DOCTYPE|<!ENTITY/i.test(text)) throw new Error("a document type");
    const parsed = parser.parse(text, true) as Record<string, unknown>;
    const content = parsed[root];
    if (typeof content === "object" && content !== null) return content as Record<string, unknown>;
    if (content === "") return {};
  } catch (cause) {
    throw new S3Error("MalformedXML", "the XML is not well-formed or not what this request takes", { cause });
  }
  throw new S3Error("MalformedXML", "the XML is not what this request takes");
}

/** The children of one name, as objects. */
export function childrenOf(
  content: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, unknown>>[] {
  const value = content[name];
  const list = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return list.map((child) => {
    if (typeof child !== "object" || child === null) throw new S3Error("MalformedXML", `${name} is empty`);
    return child as Record<string, unknown>;
  });
}

/** A child's text. */
export function textOf(content: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = content[name];
  return typeof value === "string" ? value : undefined;
}
