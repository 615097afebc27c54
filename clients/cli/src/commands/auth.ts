/**
 * `milagro auth …`: a login server, as its operator runs it.
 * @module
 */
import { formatDomainId } from "@milagro/crypto/domain-id";
import { encodeAuthStatus, parseAuthStatus } from "@milagro/protocol/login-admin-messages";
import type { CommandGroup, CommandSpec } from "../command.ts";
import { AUTH_HOME, authHome, callAuth } from "./auth-admin.ts";
import { authClient, authRotateKeys } from "./auth-client.ts";
import { authInit, authServe } from "./auth-serve.ts";
import { authDevice, authUser, authUsers } from "./auth-users.ts";
import { authWebhook } from "./auth-webhook.ts";

const authStatus: CommandSpec = {
  name: "status",
  summary: "show a login server's state, and the key that approves devices",
  options: [AUTH_HOME],
  examples: [{ text: "Is the server secret there?", line: "milagro auth status --home login" }],
  serviceHome: true,
  async run(context, invocation) {
    const status = await callAuth(authHome(context, invocation), { path: "/v1/status" }, parseAuthStatus);
    return {
      data: encodeAuthStatus(status),
      view: {
        kind: "fields",
        fields: [
          ["service", status.service],
          ["identity", status.server],
          ["domain", `${status.domain}, ${formatDomainId(status.domainId)}`],
          ["origin", status.origin],
          ["server secret", status.ready ? "there" : "not collected yet"],
          ["approval key", JSON.stringify(status.approvalKey)],
          ["users", String(status.users)],
          ["devices", String(status.devices)],
        ],
      },
    };
  },
};

export const auth: CommandGroup = {
  name: "auth",
  summary: "run the login server",
  commands: [authInit, authServe, authStatus, authUsers, authUser, authDevice, authWebhook, authClient, authRotateKeys],
};
