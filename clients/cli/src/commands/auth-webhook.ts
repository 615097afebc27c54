/**
 * `milagro auth webhook`: where events go.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { parseDone } from "@milagro/protocol/dta-messages";
import { encodeWebhookRequest, parseWebhookCreated, parseWebhookList } from "@milagro/protocol/login-admin-messages";
import type { CommandSpec } from "../command.ts";
import { AUTH_HOME, authHome, callAuth } from "./auth-admin.ts";

export const authWebhook: CommandSpec = {
  name: "webhook",
  summary: "list, add, remove and try webhooks",
  details:
    "Events are CloudEvents, signed as Standard Webhooks say; the secret is shown once, when a webhook is added.\nWithout an action, lists them.",
  arguments: [
    ["[action]", "add, remove or test"],
    ["[target]", "the address to add, or the id of a webhook"],
  ],
  options: [
    AUTH_HOME,
    { flags: "--types <list>", text: "which events", default: "login.accepted,login.blocked,device.registered" },
  ],
  examples: [
    {
      text: "Tell an application about logins",
      line: "milagro auth webhook add https://app.acme.example/hooks --types login.accepted --home login",
    },
    { text: "What there is", line: "milagro auth webhook --home login" },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const home = authHome(context, invocation);
    const action = invocation.optionalArgument(0);
    if (action === undefined) {
      const { webhooks } = await callAuth(home, { path: "/v1/webhooks" }, parseWebhookList);
      return {
        data: webhooks,
        view: {
          kind: "rows",
          columns: ["id", "address", "events", "waiting"],
          rows: webhooks.map(({ id, url, types, waiting }) => [id, url, types.join(" "), String(waiting)]),
          empty: "there are no webhooks",
        },
      };
    }
    const target = invocation.optionalArgument(1);
    if (target === undefined) throw new MilagroError("ERR_USAGE", "name the address, or the webhook's id");
    if (action === "add") {
      const body = encodeWebhookRequest({ v: 1, url: target, types: invocation.required("types").split(",") });
      const { id, secret } = await callAuth(home, { method: "POST", path: "/v1/webhooks", body }, parseWebhookCreated);
      return {
        data: { id, secret },
        view: {
          kind: "fields",
          fields: [
            ["id", id],
            ["secret", secret],
          ],
        },
      };
    }
    const path = `/v1/webhooks/${encodeURIComponent(target)}`;
    if (action === "remove") await callAuth(home, { method: "DELETE", path }, parseDone);
    else if (action === "test")
      await callAuth(home, { method: "POST", path: `${path}/test`, body: { v: 1 } }, parseDone);
    else throw new MilagroError("ERR_USAGE", "the action is add, remove or test");
    return { data: { id: target, action }, view: { kind: "text", text: `${target}: ${action} done` } };
  },
};
