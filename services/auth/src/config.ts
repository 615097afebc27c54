/**
 * Settings of one login server: flags over `MILAGRO_AUTH_…` environment over `<home>/config.json`, which `init` writes, over
 * these defaults.
 * @module
 */
import { availableParallelism } from "node:os";
import { isAbsolute, join } from "node:path";
import { MilagroError } from "@milagro/engine/error";
import { ENROLMENT_WAYS, LANGUAGES } from "@milagro/protocol/login-messages";
import { strict } from "@milagro/protocol/wire";
import { loadConfig } from "@milagro/runtime/config";
import { type ListenAddress, parseListenAddress } from "@milagro/runtime/http-listen";
import { type Static, type TProperties, Type } from "typebox";

const Count = (description: string, fallback: number, maximum: number) =>
  Type.Integer({ minimum: 1, maximum, default: fallback, description });
const File = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 1024, description }));
const Words = <T extends string>(words: readonly T[], fallback: readonly T[], description: string) =>
  Type.Array(Type.Enum([...words]), { default: [...fallback], maxItems: 16, description });

/** Settings inside settings, all with defaults. */
const group = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false, default: {} });

const AttemptsSchema = group({
  max: Count("Wrong PINs until a device is blocked", 5, 100),
  blockSeconds: Count(
    "How long the first block lasts; each further one twice as long as the one before",
    3600,
    604_800,
  ),
  blockCapSeconds: Count("The longest block", 86_400, 31_622_400),
  total: Count("Wrong PINs in a row, over all blocks, after which only an administrator unblocks", 100, 1000),
});

const LimitsSchema = group({
  addressPerMinute: Count("Requests a minute from one address", 600, 10_000_000),
  loginsPerMinute: Count("Logins a minute that one address may begin", 60, 1_000_000),
  registrationsPerMinute: Count("Registrations a minute from one address", 20, 1_000_000),
  userPerMinute: Count("Attempts a minute for one user, over all devices and addresses", 30, 100_000),
  devicesPerUser: Count("Devices of one user", 20, 100),
  waiting: Count("Requests that may wait for news (?wait=) at once", 5000, 100_000),
  verifying: Count("Logins that may wait to be verified", 4096, 100_000),
});

export const AuthConfigSchema = strict({
  v: Type.Literal(1),
  service: Type.String({ pattern: "^[a-z0-9][a-z0-9.\\-]{0,62}$", description: "The service that users log in to" }),
  domain: Type.String({ minLength: 1, maxLength: 1024, description: "File with the signed domain descriptor" }),
  pin: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9_\\-]{43}$", description: "The domain id that it must have" })),
  listen: Type.String({ maxLength: 300, default: "127.0.0.1:7500", description: "host:port; port 0 takes a free one" }),
  tlsInFront: Type.Boolean({
    default: false,
    description: "A proxy that does TLS is in front: connections from other machines are accepted",
  }),
  origin: Type.Optional(
    Type.String({
      maxLength: 512,
      pattern: "^(?:https://[a-z0-9.\\-]+(?::[0-9]{1,5})?|http://(?:localhost|127\\.0\\.0\\.1)(?::[0-9]{1,5})?)$",
      description: "How browsers reach it. Default: http://localhost with the port that it listens on",
    }),
  ),
  trustProxy: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
    default: [],
    description: "Addresses of proxies whose X-Forwarded-For is believed",
  }),
  database: Type.Optional(
    Type.String({ pattern: "^(?:sqlite:|postgres://|postgresql://)", description: "Default: auth.sqlite in the home" }),
  ),
  joinTokensFile: File("One join token per D-TA for the server secret; kept sealed once it was read"),
  pages: File("Folder with the built pages"),
  redirectOrigins: Type.Array(Type.String({ pattern: "^https?://[^/?#@;, ]+$" }), {
    default: [],
    description: "Origins that forms may lead to: those of the applications",
  }),
  permits: Type.Boolean({ default: true, description: "Whether a login needs a time permit" }),
  pinDigits: group({
    min: Type.Integer({ minimum: 4, maximum: 8, default: 4 }),
    max: Type.Integer({ minimum: 4, maximum: 8, default: 8 }),
  }),
  openIdProvider: Type.Optional(
    strict({
      name: Type.String({ minLength: 1, maxLength: 64, description: "What people call it" }),
      issuer: Type.String({
        maxLength: 512,
        pattern: "^(?:https://|http://(?:localhost|127\\.0\\.0\\.1)(?::[0-9]{1,5})?(?:/|$))[^?#\\s]*$",
        description: "Its issuer, as in its ID tokens",
      }),
      clientId: Type.String({ minLength: 1, maxLength: 255, description: "As whom this server is registered there" }),
      clientSecretFile: File("The client's secret; without it, the client is a public one"),
      scope: Type.String({ minLength: 6, maxLength: 255, default: "openid email", description: "What is asked for" }),
    }),
  ),
  enrolment: Words(ENROLMENT_WAYS, ["email", "activation", "quick-code"], "How devices may enrol"),
  languages: Words(LANGUAGES, LANGUAGES, "Languages of the pages"),
  demo: Type.Boolean({ default: false, description: "Shows the demonstration pages" }),
  demoMail: Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), {
    default: [],
    maxItems: 32,
    description: "Mail folders of the D-TAs of a demonstration",
  }),
  attempts: AttemptsSchema,
  loginSeconds: Count("How long a login may take", 300, 3600),
  signatureWindowSeconds: Count("How far the clock of a signature may be off", 120, 3600),
  sessionSeconds: Count("How long a session lasts", 43_200, 31_622_400),
  descriptorSeconds: Count("How often the D-TAs are asked for a later descriptor", 60, 86_400),
  receiptSeconds: Count("How old a receipt may be at registration", 604_800, 31_622_400),
  webhookAllow: Type.Array(
    Type.String({ pattern: "^[0-9A-Fa-f.:]+(?:/[0-9]{1,3})?$", description: "Address or network" }),
    { default: [], maxItems: 64, description: "Private networks that webhooks may go to all the same, also by http" },
  ),
  workers: Type.Integer({
    minimum: 0,
    maximum: 64,
    default: 0,
    description: "Threads; 0 takes the cores less one, at most 4",
  }),
  logLevel: Type.Enum(["debug", "info", "warn", "error", "silent"], { default: "info" }),
  logFile: Type.String({ minLength: 1, maxLength: 1024, default: "stderr" }),
  limits: LimitsSchema,
});
export type AuthSettings = Static<typeof AuthConfigSchema>;

/** An OpenID provider elsewhere, whose users may enrol with the login they have there. */
export interface ProviderSettings {
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecretFile: string | undefined;
  readonly scope: string;
}

/** Parsed and resolved: paths absolute, database and number of workers known. */
export interface AuthConfig
  extends Omit<AuthSettings, "listen" | "database" | "workers" | "joinTokensFile" | "pages" | "openIdProvider"> {
  readonly openIdProvider: ProviderSettings | undefined;
  readonly listen: ListenAddress;
  readonly database: string;
  readonly workers: number;
  readonly joinTokensFile: string | undefined;
  readonly pages: string | undefined;
}

/** The files of a login server, in a folder that belongs to its operator alone (mode 0700). */
export interface Home {
  readonly folder: string;
  readonly config: string;
  readonly database: string;
  readonly keys: string;
  readonly adminSocket: string;
}

export function homeOf(folder: string): Home {
  return {
    folder,
    config: join(folder, "config.json"),
    database: join(folder, "auth.sqlite"),
    keys: join(folder, "auth.keys"),
    adminSocket: join(folder, "admin.sock"),
  };
}

/** @throws `ERR_CONFIG_INVALID` naming the setting, `ERR_CONFIG_MISSING` when there was no `init` */
export function readConfig(
  home: Home,
  flags: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): AuthConfig {
  const merged = loadConfig(AuthConfigSchema, {
    file: home.config,
    flags,
    env: { values: env, prefix: "MILAGRO_AUTH" },
  });
  const inHome = (path: string): string => (isAbsolute(path) ? path : join(home.folder, path));
  const optional = (path: string | undefined): string | undefined => (path === undefined ? undefined : inHome(path));
  const { openIdProvider: provider } = merged;
  if (merged.enrolment.includes("openid") && !provider)
    throw new MilagroError("ERR_CONFIG_INVALID", 'setting "enrolment": openid takes an "openIdProvider"');
  const { min, max } = merged.pinDigits;
  if (min > max) throw new MilagroError("ERR_CONFIG_INVALID", 'setting "pinDigits": min is more than max');
  return {
    ...merged,
    listen: parseListenAddress(merged.listen),
    domain: inHome(merged.domain),
    database: merged.database ?? `sqlite:${home.database}`,
    joinTokensFile: optional(merged.joinTokensFile),
    pages: optional(merged.pages),
    openIdProvider: provider && { ...provider, clientSecretFile: optional(provider.clientSecretFile) },
    demoMail: merged.demoMail.map(inHome),
    logFile: merged.logFile === "stderr" ? "stderr" : inHome(merged.logFile),
    workers: merged.workers === 0 ? Math.max(1, Math.min(4, availableParallelism() - 1)) : merged.workers,
  };
}
