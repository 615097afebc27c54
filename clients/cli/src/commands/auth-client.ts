/**
 * `milagro auth client` and `rotate-keys`: applications that log people in by OpenID Connect, and the keys that sign for them.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import {
  CLIENT_FLOWS,
  type ClientFlow,
  encodeClientRegistration,
  parseClientList,
  parseClientRegistered,
  parseClientRegistration,
  parseKeysRotated,
} from "@milagro/protocol/client-messages";
import { parseDone } from "@milagro/protocol/dta-messages";
import type { CommandSpec, Invocation } from "../command.ts";
import type { Result } from "../output.ts";
import { AUTH_HOME, authHome, callAuth } from "./auth-admin.ts";

export const authClient: CommandSpec = {
  name: "client",
  summary: "list, add and remove applications that log people in",
  details:
    "An application finds everything else at <origin>/.well-known/openid-configuration; it must use PKCE. Its secret is shown once, when it\nis added; programs in browsers and on devices have none. Without an action, lists them.",
  arguments: [
    ["[action]", "add or remove"],
    ["[id]", "the application's client_id"],
  ],
  options: [
    AUTH_HOME,
    { flags: "--name <text>", text: "what users read (default: the id)" },
    { flags: "--flow <flow>", text: "how it gets its tokens", choices: CLIENT_FLOWS, default: "web" },
    { flags: "--redirect <url>", text: "where a login may lead back to; may be repeated", many: true },
    { flags: "--post-logout <url>", text: "where a logout may lead back to; may be repeated", many: true },
    { flags: "--backchannel-logout <url>", text: "where it is told that somebody has logged out" },
  ],
  examples: [
    {
      text: "A web application",
      line: "milagro auth client add shop --name 'The shop' --redirect https://shop.acme.example/callback --home login",
    },
    { text: "A television that shows a code", line: "milagro auth client add tv --flow device --home login" },
    { text: "What there is", line: "milagro auth client --home login" },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const home = authHome(context, invocation);
    const action = invocation.optionalArgument(0);
    if (action === undefined) return listing(await callAuth(home, { path: "/v1/clients" }, parseClientList));
    const id = invocation.optionalArgument(1);
    if (id === undefined) throw new MilagroError("ERR_USAGE", "name the application: its client_id");
    if (action === "add") {
      const body = encodeClientRegistration(registrationOf(id, invocation));
      const { secret } = await callAuth(home, { method: "POST", path: "/v1/clients", body }, parseClientRegistered);
      const fields: [string, string][] = [["client_id", id]];
      fields.push(["client_secret", secret ?? "none: it could not be kept there"]);
      return { data: { id, ...(secret === undefined ? {} : { secret }) }, view: { kind: "fields", fields } };
    }
    if (action !== "remove") throw new MilagroError("ERR_USAGE", "the action is add or remove");
    await callAuth(home, { method: "DELETE", path: `/v1/clients/${encodeURIComponent(id)}` }, parseDone);
    return { data: { id, action }, view: { kind: "text", text: `${id} is removed` } };
  },
};

/** @throws `ERR_MESSAGE_INVALID` for an id or addresses of another form */
function registrationOf(id: string, invocation: Invocation) {
  const backchannelLogoutUri = invocation.text("backchannelLogout");
  return parseClientRegistration({
    v: 1,
    id,
    name: invocation.text("name") ?? id,
    flow: invocation.required("flow") as ClientFlow,
    redirectUris: invocation.list("redirect"),
    postLogoutRedirectUris: invocation.list("postLogout"),
    ...(backchannelLogoutUri === undefined ? {} : { backchannelLogoutUri }),
  });
}

function listing({ clients }: ReturnType<typeof parseClientList>): Result {
  return {
    data: clients,
    view: {
      kind: "rows",
      columns: ["id", "name", "flow", "redirects to"],
      rows: clients.map(({ id, name, flow, redirectUris }) => [id, name, flow, redirectUris.join(" ")]),
      empty: "no application logs people in here",
    },
  };
}

export const authRotateKeys: CommandSpec = {
  name: "rotate-keys",
  summary: "new keys for the tokens that applications get",
  details: "The old keys stay published for 30 days, so that what they have signed still verifies.",
  options: [AUTH_HOME],
  examples: [{ text: "Once a quarter, or when in doubt", line: "milagro auth rotate-keys --home login" }],
  serviceHome: true,
  async run(context, invocation) {
    const request = { method: "POST", path: "/v1/keys/rotate", body: { v: 1 } } as const;
    const { keys } = await callAuth(authHome(context, invocation), request, parseKeysRotated);
    return {
      data: { keys },
      view: { kind: "rows", columns: ["published keys"], rows: keys.map((key) => [key]), empty: "none" },
    };
  },
};
