/**
 * `milagro run`: starts a program with secrets, from the local endpoint daemon or opened here.
 * @module
 */
import { getSecret } from "@milagro/client/secrets";
import { parseIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { parseSecretPath, type SecretPath } from "@milagro/protocol/secret-path";
import { type Provision, runWithSecrets } from "../child-run.ts";
import type { CommandSpec, Context, Invocation } from "../command.ts";
import { endpointStatus, fetchFromEndpoint } from "../endpoint-socket.ts";
import { ACTING_OPTIONS, SOCKET_OPTION } from "../options.ts";
import { asIdentity } from "../session.ts";

interface Wanted {
  readonly kind: Provision["kind"];
  readonly name: string;
  readonly path: SecretPath;
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

export const run: CommandSpec = {
  name: "run",
  summary: "run a program with secrets in its environment or in files",
  details:
    "With --socket the secrets come from the local endpoint daemon, else they are fetched and opened here with the keys of --id.\nThe program gets no other MILAGRO_ variables. Its exit status is passed on; signals are passed to it.",
  arguments: [["<command...>", "the program and its arguments, after --"]],
  options: [
    ...ACTING_OPTIONS,
    SOCKET_OPTION,
    { flags: "-e, --env <NAME=path>", text: "put the secret into a variable; may be repeated", many: true },
    {
      flags: "-f, --file <NAME=path>",
      text: "write the secret to a file in memory and put the file's name into a variable; may be repeated",
      many: true,
    },
    { flags: "--wait <seconds>", text: "how long to wait for secrets that have not arrived yet", default: "10" },
  ],
  examples: [
    {
      text: "A variable, from the endpoint daemon",
      line: "milagro run --socket /run/milagro/endpoint.sock --env DB_PASSWORD=app/db/password -- ./server --port 8080",
    },
    {
      text: "A file, opened with your own keys",
      line: "milagro run --id milagro:acme/person/alice --file KEY_FILE=app/key -- sh -c 'openssl pkey -in \"$KEY_FILE\" -pubout'",
    },
  ],
  async run(context, invocation) {
    const wanted = [
      ...invocation.list("env").map((text) => parseWanted("environment", text)),
      ...invocation.list("file").map((text) => parseWanted("file", text)),
    ];
    const names = wanted.map(({ name }) => name);
    if (new Set(names).size !== names.length) throw new MilagroError("ERR_USAGE", "a variable is named twice");
    const provisions = await provide(context, invocation, wanted);
    try {
      return await runWithSecrets(context, invocation.rest(0), provisions);
    } finally {
      for (const { bytes } of provisions) bytes.fill(0);
    }
  },
};

function parseWanted(kind: Wanted["kind"], text: string): Wanted {
  const at = text.indexOf("=");
  const name = text.slice(0, Math.max(0, at));
  if (!VARIABLE.test(name)) throw new MilagroError("ERR_USAGE", `write NAME=path, with a variable name before the =`);
  return { kind, name, path: parseSecretPath(text.slice(at + 1)) };
}

async function provide(
  context: Context,
  invocation: Invocation,
  wanted: readonly Wanted[],
): Promise<readonly Provision[]> {
  const { socket, identity } = context.settings;
  if (socket === undefined) {
    if (wanted.length === 0) return [];
    return asIdentity(context, async (deps, store) => {
      const before = store.ring.slots().length;
      const provisions: Provision[] = [];
      for (const { kind, name, path } of wanted) {
        const { plaintext } = await context.progress(
          `opening ${path}`,
          getSecret(deps, store.ring, path, undefined, {}, store.attributes),
        );
        provisions.push({ kind, name, bytes: plaintext.use((bytes) => bytes.slice()) });
        plaintext.destroy();
      }
      if (store.ring.slots().length > before) await store.save();
      return provisions;
    });
  }
  if (identity !== undefined) {
    const { identity: served } = await endpointStatus(socket, context.signal);
    if (served !== parseIdentity(identity))
      throw new MilagroError("ERR_KEY_MISSING", `the daemon on ${socket} is ${served}, not ${identity}`);
  }
  const waitMs = (invocation.integer("wait", { min: 0, max: 86_400 }) ?? 10) * 1000;
  return context.progress(
    "waiting for secrets",
    Promise.all(
      wanted.map(async ({ kind, name, path }) => ({
        kind,
        name,
        bytes: (await fetchFromEndpoint(socket, path, waitMs, context.signal)).bytes,
      })),
    ),
  );
}
