/**
 * The signature base of HTTP requests: the text that is signed.
 * Source: RFC 9421 §2.1 (fields), §2.2.1–2.2.7 (derived components), §2.5 (the base). Not here: component parameters,
 * `@query-param`, responses.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { type Parameters, serializeBareItem, serializeInnerList } from "structured-headers";

/** Header fields as shells have them; names in any case. */
export type HeaderFields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The parts of a request that may be covered. */
export interface HttpRequestParts {
  readonly method: string;
  /** Absolute, as the client meant it: `https://kms.example.org/v1/secrets/a?version=1`. Behind a proxy, from configuration. */
  readonly targetUri: string;
  readonly headers: HeaderFields;
  /** The bytes of the body; absent or empty when there is none. */
  readonly body?: Uint8Array | undefined;
}

const invalid = (detail: string) => new MilagroError("ERR_SIGNATURE_INVALID", detail);
// Before the query: printable ASCII without '"', "#" and "?", which cannot stand in a URI's path.
const URI = /^(https?|milagro):\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(\/[!$-~]*)?$/;
/** The last one is ours: docs/spec/channel-services.md. */
const USUAL_PORTS: Readonly<Record<string, string>> = { http: "80", https: "443", milagro: "7400" };
const QUERY = /^[!$-~]*$/;

interface UriParts {
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly query: string | undefined;
}

function splitUri(uri: string): UriParts {
  const at = uri.indexOf("?");
  const [, scheme = "", host, port, path = "/"] = URI.exec(at < 0 ? uri : uri.slice(0, at)) ?? [];
  const query = at < 0 ? undefined : uri.slice(at + 1);
  if (uri.length > 4096 || host === undefined || !QUERY.test(query ?? ""))
    throw invalid("the target is not an absolute http, https or milagro URI without user and fragment");
  const usual = port === undefined || port === USUAL_PORTS[scheme];
  return { scheme, authority: host.toLowerCase() + (usual ? "" : `:${port}`), path, query };
}

/** The combined value of a field: lines trimmed and joined with a comma; undefined when it is not there. */
export function fieldValue(headers: HeaderFields, name: string): string | undefined {
  const lines = Object.entries(headers)
    .filter(([key, value]) => key.toLowerCase() === name && value !== undefined)
    .flatMap(([, value]) => value as string | readonly string[]);
  if (lines.length === 0) return undefined;
  return lines.map(unfolded).join(", ");
}

/** Without the spaces around it and around folds (RFC 9421 §2.1). No regular expression: one tries every run of spaces anew, a second for a field of 16 KiB. */
function unfolded(text: string): string {
  const [first = "", ...rest] = text.trim().split("\r\n");
  return rest.reduce(
    (whole, line) => (/^[ \t]/.test(line) ? `${whole.trimEnd()} ${line.trimStart()}` : `${whole}\r\n${line}`),
    first,
  );
}

function componentValue(request: HttpRequestParts, name: string): string {
  if (!name.startsWith("@")) {
    const value = fieldValue(request.headers, name);
    if (value === undefined) throw invalid("the signature covers a field that is not there");
    if (!/^[\t -~]*$/.test(value)) throw invalid("the signature covers a field with characters that cannot be signed");
    return value;
  }
  const { scheme, authority, path, query } = splitUri(request.targetUri);
  switch (name) {
    case "@method":
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/.test(request.method)) throw invalid("the method is not a token");
      return request.method.toUpperCase();
    case "@target-uri":
      return request.targetUri;
    case "@authority":
      return authority;
    case "@scheme":
      return scheme;
    case "@path":
      return path;
    case "@query":
      return `?${query ?? ""}`;
    case "@request-target":
      return path + (query === undefined ? "" : `?${query}`);
    default:
      throw invalid("the signature covers a component that is not known here");
  }
}

/** `("@method" …);created=…`: the value of one member of Signature-Input, and the last line of the base. */
export const signatureParams = (components: readonly string[], parameters: Parameters): string =>
  serializeInnerList([components.map((component) => [component, new Map()]), parameters]);

/** The text to sign. @throws `ERR_SIGNATURE_INVALID` for components that are repeated, unknown or not there */
export function signatureBase(
  request: HttpRequestParts,
  components: readonly string[],
  parameters: Parameters,
): string {
  if (new Set(components).size !== components.length) throw invalid("the signature covers a component twice");
  const lines = components.map((name) => {
    if (name === "@signature-params" || !/^@?[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(name))
      throw invalid("not the name of a component");
    return `${serializeBareItem(name)}: ${componentValue(request, name)}`;
  });
  return [...lines, `"@signature-params": ${signatureParams(components, parameters)}`].join("\n");
}
