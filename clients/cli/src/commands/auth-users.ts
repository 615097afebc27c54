/**
 * `milagro auth users`, `user` and `device`: who may log in, and who may not.
 * @module
 */
import { parseIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { parseDone } from "@milagro/protocol/dta-messages";
import {
  encodeDeviceOrder,
  parseUserDetails,
  parseUserList,
  type UserList,
} from "@milagro/protocol/login-admin-messages";
import type { CommandSpec } from "../command.ts";
import { AUTH_HOME, authHome, callAuth } from "./auth-admin.ts";

const day = (seconds: number): string => new Date(seconds * 1000).toISOString();

export const authUsers: CommandSpec = {
  name: "users",
  summary: "list the users",
  options: [AUTH_HOME],
  examples: [{ text: "Everybody who has a device", line: "milagro auth users --home login" }],
  serviceHome: true,
  async run(context, invocation) {
    const home = authHome(context, invocation);
    const users: UserList["users"][number][] = [];
    for (let after: string | undefined = ""; after !== undefined; ) {
      const path: string = `/v1/users?after=${encodeURIComponent(after)}`;
      const page: UserList = await callAuth(home, { path }, parseUserList);
      users.push(...page.users);
      after = page.next;
    }
    return {
      data: users,
      view: {
        kind: "rows",
        columns: ["user", "since", "devices", "state"],
        rows: users.map((user) => [user.user, day(user.created), String(user.devices), user.blocked ? "blocked" : ""]),
        empty: "nobody has registered yet",
      },
    };
  },
};

export const authUser: CommandSpec = {
  name: "user",
  summary: "show a user's devices; block or unblock the user",
  arguments: [["<user>", "name or e-mail address"]],
  options: [
    AUTH_HOME,
    { flags: "--block", text: "no logins, and end what sessions there are" },
    { flags: "--unblock", text: "let the user in again" },
  ],
  examples: [
    { text: "Devices, failures and blocks", line: "milagro auth user --home login bob@acme.example" },
    { text: "Out, until further notice", line: "milagro auth user --home login bob@acme.example --block" },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const home = authHome(context, invocation);
    const user = invocation.argument(0);
    const path = `/v1/users/${encodeURIComponent(user)}`;
    const change = invocation.flag("block") ? "block" : invocation.flag("unblock") ? "unblock" : undefined;
    if (change !== undefined) {
      await callAuth(home, { method: "POST", path: `${path}/${change}`, body: { v: 1 } }, parseDone);
      const text = change === "block" ? `${user} can no longer log in` : `${user} can log in again`;
      return { data: { user, blocked: change === "block" }, view: { kind: "text", text } };
    }
    const details = await callAuth(home, { path }, parseUserDetails);
    return {
      data: details,
      view: {
        kind: "rows",
        columns: ["device", "label", "state", "last login", "failures", "blocked until"],
        rows: details.devices.map(({ device, failures, blocked, blockedUntil }) => [
          device.identity,
          device.label,
          device.state,
          device.lastLogin === undefined ? "" : day(device.lastLogin),
          String(failures),
          blocked ? (blockedUntil === undefined ? "unblocked by hand" : day(blockedUntil)) : "",
        ]),
        empty: "no devices",
      },
    };
  },
};

export const authDevice: CommandSpec = {
  name: "device",
  summary: "unblock, block or remove a device",
  details: "Removing is for good: the user enrols anew. To stop keys as well, deny the identity at a D-TA.",
  arguments: [
    ["<action>", "unblock, block or remove"],
    ["<identity>", "milagro:<domain>/mpin/<service>/<user>/<device>"],
  ],
  options: [AUTH_HOME],
  examples: [
    {
      text: "After too many wrong PINs",
      line: "milagro auth device unblock milagro:acme/mpin/login/bob/k3j9x0q2ma --home login",
    },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const action = invocation.argument(0);
    const identity = parseIdentity(invocation.argument(1));
    const route = { unblock: "unblock", block: "block", remove: "revoke" }[action];
    if (route === undefined) throw new MilagroError("ERR_USAGE", "the action is unblock, block or remove");
    const body = encodeDeviceOrder({ v: 1, identity });
    await callAuth(authHome(context, invocation), { method: "POST", path: `/v1/devices/${route}`, body }, parseDone);
    return { data: { identity, action }, view: { kind: "text", text: `${identity}: ${action} done` } };
  },
};
