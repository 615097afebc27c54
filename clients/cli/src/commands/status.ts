/**
 * `milagro status`: every part of a domain, and whether it is well.
 * @module
 */
import { apiUrl, callJson } from "@milagro/client/json-call";
import { MilagroError } from "@milagro/engine/error";
import { parseDtaStatus } from "@milagro/protocol/dta-messages";
import type { HttpPort } from "@milagro/runtime/http-port";
import { isThisMachine } from "@milagro/runtime/plain";
import type { CommandSpec } from "../command.ts";
import { endpointStatus } from "../endpoint-socket.ts";
import { DOMAIN_OPTION, KMS_OPTION, SOCKET_OPTION } from "../options.ts";
import { withHttp } from "../ports.ts";
import { openNewestDomain } from "../session.ts";
import { styleFor } from "../style.ts";

interface Part {
  readonly part: string;
  readonly name: string;
  readonly address: string;
  readonly state: "ok" | "sealed" | "not ready" | "refused" | "down";
  readonly detail: string;
}

const TIMEOUT_MS = 4000;

export const status: CommandSpec = {
  name: "status",
  summary: "show every part of the domain and whether it is well",
  details:
    "Asks the D-TAs, the D-KMS and, with --socket, the local endpoint daemon, and takes note of a newer descriptor. Exit status 2 when\nsomething is not well.",
  options: [DOMAIN_OPTION, KMS_OPTION, SOCKET_OPTION],
  examples: [
    { text: "At a glance", line: "milagro status" },
    { text: "For a monitor", line: "milagro status --format json" },
  ],
  async run(context) {
    const { socket } = context.settings;
    const ask = withHttp(async (http) => {
      const { domain, refused } = await openNewestDomain(context, http, "now");
      const { descriptor } = domain;
      const kms = context.settings.kms ?? descriptor.kms?.url;
      const sight: Part = {
        part: "descriptor",
        name: domain.name,
        address: kms ?? "",
        state: refused ? "refused" : "ok",
        detail: refused
          ? `${refused.code}; number ${descriptor.sequence} stays in use`
          : `number ${descriptor.sequence}`,
      };
      return {
        domain,
        parts: [
          sight,
          ...(await Promise.all([
            ...descriptor.authorities.map(({ index, name, url }) =>
              look(`D-TA ${index}`, name, url, () => askDta(http, url)),
            ),
            ...(kms === undefined ? [] : [look("D-KMS", "kms", kms, () => askReady(http, kms))]),
            ...(socket === undefined ? [] : [look("endpoint", "local", socket, () => askEndpoint(socket))]),
          ])),
        ],
      };
    });
    const { domain, parts } = await context.progress("asking", ask);
    const style = styleFor(context.io, "stdout");
    const paint = {
      ok: style.green,
      sealed: style.yellow,
      "not ready": style.yellow,
      refused: style.red,
      down: style.red,
    };
    return {
      data: { domain: domain.name, parts: parts.map((part) => ({ ...part })) },
      view: {
        kind: "rows",
        columns: ["part", "name", "state", "address", "detail"],
        rows: parts.map(({ part, name, state, address, detail }) => [part, name, paint[state](state), address, detail]),
        empty: "",
      },
      exit: parts.every(({ state }) => state === "ok") ? 0 : 2,
    };
  },
};

type Seen = Pick<Part, "state" | "detail"> & { readonly name?: string };

async function look(part: string, name: string, address: string, ask: () => Promise<Seen>): Promise<Part> {
  try {
    return { part, name, address, ...(await ask()) };
  } catch (error) {
    const code = error instanceof MilagroError ? error.code : "ERR_INTERNAL";
    return { part, name, address, state: "down", detail: code };
  }
}

async function askDta(http: HttpPort, url: string): Promise<Seen> {
  const ask = (by: HttpPort) =>
    callJson(
      by,
      { method: "GET", url: apiUrl(url, "/v1/dta"), idempotent: false, timeoutMs: TIMEOUT_MS },
      parseDtaStatus,
    );
  const { sealed, log } = await ask(http).catch((error: unknown) => {
    // A sealed D-TA cannot prove itself, and so takes no channel. On this machine it may say so plainly.
    if (!isThisMachine(new URL(url).hostname)) throw error;
    return withHttp(ask);
  });
  return { state: sealed ? "sealed" : "ok", detail: `log entry ${log.index}` };
}

async function askReady(http: HttpPort, url: string): Promise<Seen> {
  const response = await http({
    method: "GET",
    url: apiUrl(url, "/ready"),
    headers: {},
    idempotent: false,
    timeoutMs: TIMEOUT_MS,
  });
  return response.status === 200
    ? { state: "ok", detail: "ready" }
    : { state: "not ready", detail: `status ${response.status}` };
}

async function askEndpoint(socket: string): Promise<Seen> {
  const { identity, state, secrets, problems } = await endpointStatus(socket);
  const detail = `${secrets.length} ${secrets.length === 1 ? "secret" : "secrets"}${problems[0] ? `, ${problems[0].code}` : ""}`;
  return { name: identity, state: state === "serving" ? "ok" : "not ready", detail };
}
