/**
 * Settings of one endpoint daemon: flags over `MILAGRO_ENDPOINT_…` environment over `<home>/config.json`.
 * Paths in the file are relative to the home.
 * @module
 */
import { isAbsolute, join, resolve } from "node:path";
import { type Identity, type IdentityPattern, parseIdentity, parseIdentityPattern } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { parseSecretPath, type SecretPath } from "@milagro/protocol/secret-path";
import { loadConfig } from "@milagro/runtime/config";
import { checkPlainSetting } from "@milagro/runtime/plain";
import Type, { type Static } from "typebox";
import { RELOAD_SIGNALS, type Reload, type ReloadSignal } from "./reload.ts";

const strict = { additionalProperties: false } as const;
const Mode = Type.String({ pattern: "^0[0-7]{3}$", description: "Permission bits in octal, e.g. 0440" });
const Id = Type.Integer({ minimum: 0, maximum: 4_294_967_294 });

const ReloadSchema = Type.Union([
  Type.Object(
    { pidFile: Type.String({ minLength: 1 }), signal: Type.Union(RELOAD_SIGNALS.map((name) => Type.Literal(name))) },
    strict,
  ),
  Type.Object(
    {
      command: Type.Array(Type.String(), { minItems: 1 }),
      timeoutSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 600 })),
    },
    strict,
  ),
]);

const target = {
  path: Type.String({ minLength: 1, description: "File to write; its folder must be in memory (tmpfs)" }),
  mode: Type.Optional(Mode),
  uid: Type.Optional(Id),
  gid: Type.Optional(Id),
  allowDisk: Type.Optional(Type.Boolean({ description: "Write although the folder is not in memory" })),
  reload: Type.Optional(ReloadSchema),
} as const;

export const EndpointConfigSchema = Type.Object(
  {
    identity: Type.String({ description: "Whom this endpoint is" }),
    domain: Type.String({
      minLength: 1,
      default: "domain.json",
      description: "File with the domain's signed descriptor",
    }),
    pin: Type.Optional(
      Type.String({ pattern: "^[A-Za-z0-9_-]{43}$", description: "The domain id that the descriptor must have" }),
    ),
    kms: Type.Optional(
      Type.String({ pattern: "^(?:https?|milagro)://", description: "Another address of the D-KMS than the domain's" }),
    ),
    bus: Type.Optional(
      Type.String({ pattern: "^(?:none|(?:milagro|mqtts?)://.+)$", description: "Another bus, or none: polling only" }),
    ),
    passphraseFile: Type.Optional(Type.String({ minLength: 1, description: "Opens the key store" })),
    evidenceFile: Type.Optional(
      Type.String({ minLength: 1, description: "Evidence for the first enrolment, one piece a line" }),
    ),
    authors: Type.Array(Type.String(), { default: [], description: "Whose secrets are accepted; nobody's by default" }),
    attributes: Type.Array(Type.String({ pattern: "^[^=]+=.+$" }), {
      default: [],
      description:
        "What its attribute keys are to hold, each as label=value; what the D-TAs do not know of it they refuse",
    }),
    socket: Type.Object(
      {
        path: Type.String({ minLength: 1, default: "endpoint.sock" }),
        mode: Type.Optional(Mode),
        gid: Type.Optional(Id),
      },
      { ...strict, default: {} },
    ),
    files: Type.Array(Type.Object({ secret: Type.String(), ...target }, strict), { default: [] }),
    templates: Type.Array(Type.Object({ source: Type.String({ minLength: 1 }), ...target }, strict), { default: [] }),
    renewAheadPercent: Type.Integer({
      minimum: 1,
      maximum: 90,
      default: 25,
      description: "When this much of an epoch is left, the next one's keys are had",
    }),
    keepEpochs: Type.Integer({
      minimum: 1,
      maximum: 3660,
      default: 30,
      description: "How long enc keys that no secret needs are kept",
    }),
    logLevel: Type.Union(
      ["debug", "info", "warn", "error", "silent"].map((level) => Type.Literal(level)),
      { default: "info" },
    ),
    logFile: Type.Optional(Type.String({ minLength: 1, description: "Default: standard error" })),
  },
  strict,
);
type RawConfig = Static<typeof EndpointConfigSchema>;
type RawTarget = Omit<RawConfig["files"][number], "secret">;

export interface Target {
  readonly path: string;
  readonly mode: number;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly allowDisk: boolean;
  readonly reload: Reload | undefined;
}

export interface EndpointConfig {
  readonly home: string;
  readonly identity: Identity;
  readonly domainFile: string;
  readonly pin: string | undefined;
  readonly kms: string | undefined;
  readonly bus: string | undefined;
  readonly passphraseFile: string | undefined;
  readonly evidenceFile: string | undefined;
  readonly authors: readonly IdentityPattern[];
  /** `label=value` */
  readonly attributes: readonly string[];
  readonly socket: { readonly path: string; readonly mode: number; readonly gid: number | undefined };
  readonly files: readonly { readonly secret: SecretPath; readonly target: Target }[];
  readonly templates: readonly { readonly source: string; readonly target: Target }[];
  readonly renewAheadFraction: number;
  readonly keepEpochs: number;
  readonly logLevel: "debug" | "info" | "warn" | "error" | "silent";
  readonly logFile: string | undefined;
}

/** @throws `ERR_CONFIG_INVALID`, `ERR_CONFIG_MISSING`, `ERR_IDENTITY_INVALID`, `ERR_PATH_INVALID`, `ERR_PLAIN_REFUSED` */
export function readEndpointConfig(
  homeText: string,
  flags: Readonly<Record<string, string | undefined>>,
  env: Readonly<Record<string, string | undefined>>,
): EndpointConfig {
  const home = resolve(homeText);
  const { MILAGRO_ENDPOINT_HOME: _home, ...values } = env;
  const raw = loadConfig(EndpointConfigSchema, {
    file: join(home, "config.json"),
    optionalFile: true,
    env: { values, prefix: "MILAGRO_ENDPOINT" },
    flags,
  });
  checkPlainSetting("kms", raw.kms);
  checkPlainSetting("bus", raw.bus);
  const inHome = (path: string): string => (isAbsolute(path) ? path : join(home, path));
  const optional = (path: string | undefined) => (path === undefined ? undefined : inHome(path));
  const targetOf = ({ path, mode = "0400", uid, gid, allowDisk = false, reload }: RawTarget): Target => ({
    path: inHome(path),
    mode: Number.parseInt(mode, 8),
    uid,
    gid,
    allowDisk,
    reload: reload && reloadOf(reload, inHome),
  });
  const targets = [...raw.files, ...raw.templates].map(({ path }) => inHome(path));
  const twice = targets.find((path, i) => targets.indexOf(path) !== i);
  if (twice !== undefined) throw new MilagroError("ERR_CONFIG_INVALID", `${twice} would be written twice`);
  return {
    home,
    identity: parseIdentity(raw.identity),
    domainFile: inHome(raw.domain),
    pin: raw.pin,
    kms: raw.kms,
    bus: raw.bus,
    passphraseFile: optional(raw.passphraseFile),
    evidenceFile: optional(raw.evidenceFile),
    authors: raw.authors.map(parseIdentityPattern),
    attributes: raw.attributes,
    socket: { path: inHome(raw.socket.path), mode: Number.parseInt(raw.socket.mode ?? "0600", 8), gid: raw.socket.gid },
    files: raw.files.map((file) => ({ secret: parseSecretPath(file.secret), target: targetOf(file) })),
    templates: raw.templates.map((template) => ({ source: inHome(template.source), target: targetOf(template) })),
    renewAheadFraction: raw.renewAheadPercent / 100,
    keepEpochs: raw.keepEpochs,
    logLevel: raw.logLevel as EndpointConfig["logLevel"],
    logFile: optional(raw.logFile),
  };
}

function reloadOf(raw: Static<typeof ReloadSchema>, inHome: (path: string) => string): Reload {
  if ("pidFile" in raw) return { kind: "signal", pidFile: inHome(raw.pidFile), signal: raw.signal as ReloadSignal };
  return { kind: "command", command: raw.command, timeoutMs: (raw.timeoutSeconds ?? 30) * 1000 };
}
