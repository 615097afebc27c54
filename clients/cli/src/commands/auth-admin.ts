/**
 * The administrator's side of a login server: calls over the Unix socket in its home.
 * @module
 */
import { resolve } from "node:path";
import { MilagroError } from "@milagro/engine/error";
import type { HttpClientRequest } from "@milagro/runtime/http-client";
import type { Context, Invocation } from "../command.ts";
import type { OptionSpec } from "../option.ts";
import { callAdmin } from "./dta-admin.ts";

/** `--home` of the commands about a login server. */
export const AUTH_HOME: OptionSpec = {
  flags: "--home <folder>",
  text: "the login server's folder (or MILAGRO_AUTH_HOME)",
};

/** @throws `ERR_USAGE` when no folder is named: the profile's default would be the wrong one */
export function authHome(context: Context, invocation: Invocation): string {
  const named = invocation.text("home") ?? (context.io.env["MILAGRO_AUTH_HOME"] || undefined);
  if (named === undefined) throw new MilagroError("ERR_USAGE", "--home is needed: the folder of the login server");
  return resolve(context.io.cwd, named);
}

/** @throws `ERR_UNREACHABLE` when the server does not run, and its own errors */
export const callAuth = <T>(home: string, request: HttpClientRequest, parse: (value: unknown) => T): Promise<T> =>
  callAdmin(home, request, parse, "login server");
