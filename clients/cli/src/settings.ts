/**
 * Where settings come from: flags over environment over `<home>/config.json`. No setting is a secret: passphrases and
 * tokens are named by file only.
 * @module
 */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { loadConfig } from "@milagro/runtime/config";
import Type, { type Static } from "typebox";
import type { Io } from "./io.ts";
import type { OptionSpec } from "./option.ts";
import { OUTPUT_FORMATS } from "./output.ts";

/** `<home>/config.json`, and `MILAGRO_…` of the same names in the environment. */
export const SettingsSchema = Type.Object(
  {
    format: Type.Union([Type.Literal("table"), Type.Literal("json")], {
      default: "table",
      description: "How results are printed",
    }),
    domain: Type.Optional(Type.String({ description: "The trust domain to use, when several are pinned" })),
    identity: Type.Optional(Type.String({ description: "The identity to act as" })),
    kms: Type.Optional(Type.String({ description: "URL of the D-KMS API; the domain's own by default" })),
    socket: Type.Optional(Type.String({ description: "Socket of the local endpoint daemon" })),
    passphraseFile: Type.Optional(Type.String({ description: "A file with the key store's passphrase" })),
  },
  { additionalProperties: false },
);

export interface Settings extends Static<typeof SettingsSchema> {
  /** The profile folder, absolute; `socket` and `passphraseFile` are absolute too. */
  readonly home: string;
}

const PATHS = ["socket", "passphraseFile"] as const;

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { flags: "--home <folder>", text: "the profile folder (default: ~/.milagro)" },
  { flags: "--format <format>", text: "how results are printed", choices: OUTPUT_FORMATS },
  { flags: "-q, --quiet", text: "no progress and no hints" },
  { flags: "--no-color", text: "no colour" },
  { flags: "--debug", text: "print stack traces of errors" },
];

/**
 * Paths given by flag or environment are relative to the current folder, those in the file to the home.
 * @throws `ERR_CONFIG_INVALID` naming the setting and where it came from
 */
export function resolveSettings(options: Readonly<Record<string, unknown>>, io: Io, serviceHome = false): Settings {
  const here = (path: string | undefined) => (path === undefined ? undefined : resolve(io.cwd, path));
  // An empty variable counts as unset: shells make it easy to set one by mistake.
  const env = (name: string) => io.env[name] || undefined;
  const home = here(text(options["home"]) ?? env("MILAGRO_HOME")) ?? join(homedir(), ".milagro");
  const settings = loadConfig(SettingsSchema, {
    ...(serviceHome ? {} : { file: join(home, "config.json") }),
    optionalFile: true,
    env: {
      prefix: "MILAGRO",
      values: {
        MILAGRO_FORMAT: env("MILAGRO_FORMAT"),
        MILAGRO_DOMAIN: env("MILAGRO_DOMAIN"),
        MILAGRO_IDENTITY: env("MILAGRO_IDENTITY"),
        MILAGRO_KMS: env("MILAGRO_KMS"),
        MILAGRO_SOCKET: here(env("MILAGRO_SOCKET")),
        MILAGRO_PASSPHRASE_FILE: here(env("MILAGRO_PASSPHRASE_FILE")),
        // Named so that it is refused, with what to do instead, rather than silently ignored.
        MILAGRO_PASSPHRASE: env("MILAGRO_PASSPHRASE"),
      },
    },
    flags: {
      format: text(options["format"]),
      domain: text(options["domain"]),
      identity: text(options["id"]),
      kms: text(options["kms"]),
      socket: here(text(options["socket"])),
      passphraseFile: here(text(options["passphraseFile"])),
    },
  });
  const absolute = Object.fromEntries(
    PATHS.flatMap((name) => (settings[name] === undefined ? [] : [[name, resolve(home, settings[name])]])),
  );
  return { ...settings, ...absolute, home };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
