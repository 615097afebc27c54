/**
 * The operator's side of a D-TA: calls over the Unix socket in its home. Whoever may open that file is the operator.
 * @module
 */
import { join, resolve } from "node:path";
import { MilagroError } from "@milagro/engine/error";
import { createHttpClient, type HttpClientRequest } from "@milagro/runtime/http-client";
import type { Context, Invocation } from "../command.ts";
import type { OptionSpec } from "../option.ts";

/** `--home` of the commands about one D-TA. */
export const DTA_HOME: OptionSpec = { flags: "--home <folder>", text: "the D-TA's folder (or MILAGRO_DTA_HOME)" };

/** @throws `ERR_USAGE` when no folder is named: the profile's default would be the wrong one */
export function dtaHome(context: Context, invocation: Invocation): string {
  const named = invocation.text("home") ?? (context.io.env["MILAGRO_DTA_HOME"] || undefined);
  if (named === undefined) throw new MilagroError("ERR_USAGE", "--home is needed: the folder of the D-TA");
  return resolve(context.io.cwd, named);
}

/** @param service - as people say it @throws `ERR_UNREACHABLE` when it does not run, and its own errors */
export async function callAdmin<T>(
  home: string,
  request: HttpClientRequest,
  parse: (value: unknown) => T,
  service = "D-TA",
): Promise<T> {
  const client = createHttpClient({ url: `unix:${join(home, "admin.sock")}` });
  try {
    return parse((await client.request(request)).body);
  } catch (error) {
    if (!(error instanceof MilagroError) || error.code !== "ERR_UNREACHABLE") throw error;
    throw new MilagroError(
      "ERR_UNREACHABLE",
      `the ${service} of ${home} does not run, or its socket is not yours to open`,
      {
        cause: error,
      },
    );
  } finally {
    client.close();
  }
}
