/**
 * For demonstrations only: the mails that D-TAs have written to folders instead of sending them, shown on the page of whom they
 * are for. A server whose `demo` is off has no such route.
 * @module
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseUtf8 } from "@milagro/crypto/bytes";
import { type DemoMail, DemoMailSchema, encodeDemoMail } from "@milagro/protocol/login-messages";
import { isErrno, readFileLimited } from "@milagro/runtime/atomic-file";
import type { HttpApp } from "@milagro/runtime/http-server";
import { Type } from "typebox";
import type { AuthContext } from "./context.ts";

const MAX_MAILS = 30;
const MAX_MAIL_BYTES = 32_768;

type Mail = DemoMail["mails"][number];

export function addDemoRoutes(app: HttpApp, { config }: Pick<AuthContext, "config">): void {
  app.get(
    "/v1/demo/mail",
    {
      schema: {
        tags: ["demo"],
        summary: "What the D-TAs of the demonstration have mailed to this address",
        querystring: Type.Object(
          { user: Type.String({ minLength: 1, maxLength: 200 }) },
          { additionalProperties: false },
        ),
        response: { 200: DemoMailSchema },
      },
    },
    async ({ query }) => {
      const found = await Promise.all(config.demoMail.map((folder) => mailsIn(folder, query.user)));
      const mails = found
        .flat()
        .sort((a, b) => b.time - a.time)
        .slice(0, MAX_MAILS);
      return encodeDemoMail({ v: 1, mails });
    },
  );
}

async function mailsIn(folder: string, user: string): Promise<readonly Mail[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return []; // nothing was mailed yet
    throw error;
  }
  const newest = names
    .filter((name) => name.endsWith(".json"))
    .sort()
    .slice(-MAX_MAILS);
  const mails = await Promise.all(
    newest.map(async (name) => {
      const file = JSON.parse(parseUtf8(await readFileLimited(join(folder, name), MAX_MAIL_BYTES)));
      const { to, from, subject, text, time } = file as Mail & { readonly to: string };
      return to === user ? [{ from, subject, text, time }] : [];
    }),
  );
  return mails.flat();
}
