/**
 * Settings of one D-KMS: flags over `MILAGRO_KMS_…` environment over `<home>/config.json` over these defaults.
 * @module
 */
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { MilagroError } from "@milagro/engine/error";
import { loadConfig } from "@milagro/runtime/config";
import type { PassphraseSources } from "@milagro/runtime/passphrase";
import { checkPlainSetting } from "@milagro/runtime/plain";
import Type, { type Static } from "typebox";

const Address = (description: string, fallback: string) =>
  Type.String({ pattern: "^(?:[A-Za-z0-9.-]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$", default: fallback, description });
const Count = (description: string, fallback: number, maximum: number) =>
  Type.Integer({ minimum: 1, maximum, default: fallback, description });

const LimitsSchema = Type.Object(
  {
    bodyBytes: Count(
      "Largest request body; the largest secret is 1 MiB, a third more as base64url",
      2_097_152,
      16_777_216,
    ),
    addressPerMinute: Count("Requests a minute from one address", 6000, 10_000_000),
    identityBurst: Count("Signed requests of one identity that may come at once", 200, 1_000_000),
    identityPerSecond: Count("Signed requests a second of one identity in the long run", 50, 100_000),
    enrolmentsPerAddress: Count("Open enrolments from one address", 50, 100_000),
    enrolmentsTotal: Count("Open enrolments altogether", 2000, 1_000_000),
    enrolmentTtlSeconds: Count("How long an enrolment waits for its D-TAs", 600, 86_400),
    waiting: Count("Requests that may wait for news (?wait=) at once", 5000, 100_000),
    busConnections: Count("Connections to the embedded bus", 5000, 100_000),
    busConnectionsPerAddress: Count("Connections to the embedded bus from one address", 200, 100_000),
  },
  { additionalProperties: false, default: {} },
);

export const KmsConfigSchema = Type.Object(
  {
    listen: Address("Where the API listens; port 0 takes a free one", "127.0.0.1:7400"),
    publicUrls: Type.Array(Type.String({ pattern: "^(?:https?|milagro)://[^/?#@]+$" }), {
      default: [],
      description: "Other origins under which clients reach the API (behind a proxy); signatures name the origin",
    }),
    tlsInFront: Type.Boolean({
      default: false,
      description:
        "Whoever connects without a channel comes from a proxy that has taken TLS off: plain connections from other machines are accepted",
    }),
    domain: Type.String({ minLength: 1, description: "File with the signed domain descriptor" }),
    pin: Type.Optional(
      Type.String({ pattern: "^[A-Za-z0-9_-]{43}$", description: "The domain id that the file must have" }),
    ),
    database: Type.Optional(
      Type.String({
        pattern: "^(?:sqlite:|postgres://|postgresql://)",
        description: "Default: kms.sqlite in the home folder",
      }),
    ),
    busListen: Address("Where the embedded bus listens", "127.0.0.1:7401"),
    busUrl: Type.Optional(
      Type.String({
        pattern: "^(?:mqtt|mqtts|ws|wss)://[^@]+$",
        description: "An outside MQTT broker instead of the embedded one",
      }),
    ),
    busUser: Type.Optional(
      Type.String({ minLength: 1, maxLength: 255, description: "Our user name at the outside broker" }),
    ),
    busCredentialFile: Type.Optional(
      Type.String({ minLength: 1, description: "File with our password at the outside broker, mode 0600" }),
    ),
    policyFile: Type.Optional(Type.String({ minLength: 1, description: "Default: policy.json in the home folder" })),
    passphraseFile: Type.Optional(
      Type.String({
        minLength: 1,
        description: "Opens the key store of the D-KMS's own identity; without it there is no server-side generation",
      }),
    ),
    joinTokensFile: Type.Optional(
      Type.String({
        minLength: 1,
        description: "One join token per D-TA, for the first enrolment of the D-KMS itself",
      }),
    ),
    workers: Type.Integer({
      minimum: 0,
      maximum: 64,
      default: 0,
      description: "Threads that verify signatures; 0 takes the cores less one, at most 4",
    }),
    logLevel: Type.Union(
      ["debug", "info", "warn", "error", "silent"].map((level) => Type.Literal(level)),
      { default: "info" },
    ),
    logFile: Type.Optional(Type.String({ minLength: 1, description: "Default: standard error" })),
    limits: LimitsSchema,
  },
  { additionalProperties: false },
);

export type KmsLimits = Static<typeof LimitsSchema>;

/** Parsed and resolved: paths absolute, the database chosen, the number of workers known. */
export interface KmsConfig {
  readonly home: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly publicUrls: readonly string[];
  readonly tlsInFront: boolean;
  readonly domainFile: string;
  readonly pin: string | undefined;
  readonly database: string;
  readonly bus:
    | { readonly kind: "embedded"; readonly host: string; readonly port: number }
    | {
        readonly kind: "outside";
        readonly url: string;
        readonly user: string | undefined;
        readonly credentialFile: string | undefined;
      };
  readonly policyFile: string;
  readonly keyStoreFile: string;
  /** Where the passphrase of the D-KMS's own identity is; without it, it has none. */
  readonly passphrase: PassphraseSources | undefined;
  readonly joinTokensFile: string | undefined;
  readonly workers: number;
  readonly logLevel: "debug" | "info" | "warn" | "error" | "silent";
  readonly logFile: string | undefined;
  readonly limits: KmsLimits;
}

export const USAGE = `milagro-kms serve --home DIR --domain FILE [options]

Keeps and relays secrets that only their receivers can open.

  --home DIR               folder of this D-KMS (made when missing): config.json, policy.json, kms.sqlite, service.keys
  --domain FILE            signed domain descriptor
  --pin ID                 refuse another domain than this
  --listen HOST:PORT       where the API listens (127.0.0.1:7400)
  --bus-listen HOST:PORT   where the embedded bus listens (127.0.0.1:7401)
  --tls-in-front           a proxy in front does TLS: accept plain connections from other machines
  --bus-url URL            use this MQTT broker instead of the embedded bus
  --database URL           sqlite:FILE or postgres://… (kms.sqlite in the home folder)
  --policy FILE            who may do what (policy.json in the home folder); read again on SIGHUP
  --passphrase-file FILE   opens the key store of the D-KMS's own identity
  --passphrase-stdin       the same from standard input, read to its end
  --join-tokens FILE       one join token per D-TA, to enrol the D-KMS itself the first time
  --log-level LEVEL        debug, info, warn, error, silent

Example
  milagro-kms serve --home /var/lib/milagro-kms --domain example.org.json --passphrase-file /etc/milagro/kms.pass
`;

function passphraseOf(fromStdin: boolean, file: string | undefined): PassphraseSources | undefined {
  if (fromStdin) return { fd: 0 };
  return file === undefined ? undefined : { file };
}

function addressOf(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(":");
  const port = Number(text.slice(colon + 1));
  if (port > 65_535) throw new MilagroError("ERR_CONFIG_INVALID", "a port is at most 65535");
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port };
}

/**
 * From the arguments after `serve`.
 * @throws `ERR_CONFIG_INVALID` naming the setting
 */
export function parseConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): KmsConfig {
  const text = { type: "string" } as const;
  let flags: Record<string, string | undefined>;
  let passphraseFromStdin: boolean;
  let tlsInFront: boolean;
  try {
    const {
      "passphrase-stdin": fromStdin = false,
      "tls-in-front": inFront = false,
      ...texts
    } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        home: text,
        domain: text,
        pin: text,
        listen: text,
        "bus-listen": text,
        "bus-url": text,
        database: text,
        policy: text,
        "passphrase-file": text,
        "passphrase-stdin": { type: "boolean" },
        "join-tokens": text,
        "tls-in-front": { type: "boolean" },
        "log-level": text,
      },
    }).values;
    flags = texts;
    passphraseFromStdin = fromStdin;
    tlsInFront = inFront;
  } catch {
    throw new MilagroError("ERR_CONFIG_INVALID", "an option is unknown or lacks its value: see milagro-kms --help");
  }
  const homeText = flags["home"] ?? env["MILAGRO_KMS_HOME"];
  if (!homeText) throw new MilagroError("ERR_CONFIG_INVALID", 'setting "home" is required: --home DIR');
  const home = resolve(homeText);
  mkdirSync(home, { recursive: true, mode: 0o700 });

  const { MILAGRO_KMS_HOME: _home, ...values } = env;
  const merged = loadConfig(KmsConfigSchema, {
    flags: {
      listen: flags["listen"],
      tlsInFront: tlsInFront ? "true" : undefined,
      domain: flags["domain"] && resolve(flags["domain"]),
      pin: flags["pin"],
      database: flags["database"],
      busListen: flags["bus-listen"],
      busUrl: flags["bus-url"],
      policyFile: flags["policy"] && resolve(flags["policy"]),
      passphraseFile: flags["passphrase-file"] && resolve(flags["passphrase-file"]),
      joinTokensFile: flags["join-tokens"] && resolve(flags["join-tokens"]),
      logLevel: flags["log-level"],
    },
    env: { values, prefix: "MILAGRO_KMS" },
    file: join(home, "config.json"),
    optionalFile: true,
  });
  checkPlainSetting("busUrl", merged.busUrl);
  const inHome = (path: string): string => (isAbsolute(path) ? path : join(home, path));
  const optional = (path: string | undefined): string | undefined => (path === undefined ? undefined : inHome(path));
  return {
    home,
    listen: addressOf(merged.listen),
    publicUrls: merged.publicUrls,
    tlsInFront: merged.tlsInFront,
    domainFile: inHome(merged.domain),
    pin: merged.pin,
    database: merged.database ?? `sqlite:${join(home, "kms.sqlite")}`,
    bus:
      merged.busUrl === undefined
        ? { kind: "embedded", ...addressOf(merged.busListen) }
        : {
            kind: "outside",
            url: merged.busUrl,
            user: merged.busUser,
            credentialFile: optional(merged.busCredentialFile),
          },
    policyFile: inHome(merged.policyFile ?? "policy.json"),
    keyStoreFile: join(home, "service.keys"),
    passphrase: passphraseOf(passphraseFromStdin, optional(merged.passphraseFile)),
    joinTokensFile: optional(merged.joinTokensFile),
    workers: merged.workers === 0 ? Math.max(1, Math.min(4, availableParallelism() - 1)) : merged.workers,
    logLevel: merged.logLevel as KmsConfig["logLevel"],
    logFile: optional(merged.logFile),
    limits: merged.limits,
  };
}
