/**
 * Settings of one gateway: flags over `MILAGRO_GATEWAY_…` environment over `<home>/config.json` over these defaults.
 * @module
 */
import { isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadConfig } from "@milagro/runtime/config";
import { type Static, Type } from "typebox";

const File = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 1024, description }));
const Count = (description: string, fallback: number, maximum: number) =>
  Type.Integer({ minimum: 1, maximum, default: fallback, description });

export const GatewayConfigSchema = Type.Object(
  {
    v: Type.Literal(1, { default: 1 }),
    backend: Type.String({
      maxLength: 1024,
      default: "",
      description: "file:///path, s3:// or s3://https://host; default: store in the home",
    }),
    listen: Type.String({
      maxLength: 300,
      default: "127.0.0.1:7600",
      description: "host:port; port 0 takes a free one",
    }),
    channelListen: Type.Optional(
      Type.String({ maxLength: 300, description: "host:port for clients over Milagro channels; default: none" }),
    ),
    region: Type.String({ pattern: "^[a-z0-9-]{1,64}$", default: "us-east-1", description: "What clients are told" }),
    storeRegion: Type.Optional(
      Type.String({ pattern: "^[a-z0-9-]{1,64}$", description: "Of the S3 store, when another" }),
    ),
    domain: Type.Optional(
      Type.String({ pattern: "^[a-z0-9.\\-]{1,253}$", description: "Hosts <bucket>.<domain> name buckets" }),
    ),
    rules: Type.String({ minLength: 1, maxLength: 1024, default: "rules.json", description: "The rules file" }),
    database: Type.String({
      maxLength: 1024,
      default: "",
      description: "sqlite:FILE or postgres://…; default: gateway.sqlite in the home",
    }),
    writers: Type.Array(Type.String({ maxLength: 255 }), {
      default: [],
      maxItems: 100,
      description: "Identities of further gateways whose KEKs are taken",
    }),
    digestThreads: Count("Threads that hash", 1, 64),
    idleTimeoutMs: Count("How long a client may keep silent", 120_000, 3_600_000),
    storeTimeoutMs: Count("How long the store may keep silent", 30_000, 3_600_000),
    tlsCert: File("Certificate chain, PEM"),
    tlsKey: File("Its private key, PEM"),
    plainHttp: Type.Boolean({
      default: false,
      description: "Plain HTTP beyond this machine: behind a proxy that does TLS",
    }),
    passphraseFile: File("File with the passphrase of the key stores"),
    logLevel: Type.Enum(["debug", "info", "warn", "error", "silent"], { default: "info" }),
  },
  { additionalProperties: false },
);
export type GatewayConfig = Static<typeof GatewayConfigSchema>;

/** Files in a gateway's home. */
export const homeFiles = (home: string) => ({
  config: join(home, "config.json"),
  accessKeys: join(home, "access.keys"),
  policyKeys: join(home, "policy.keys"),
  store: join(home, "store"),
  database: join(home, "gateway.sqlite"),
});

/** @throws `ERR_CONFIG_INVALID`, `ERR_CONFIG_SECRET` */
export function readGatewayConfig(
  home: string,
  flags: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): GatewayConfig {
  const files = homeFiles(home);
  const config = loadConfig(GatewayConfigSchema, {
    flags,
    env: { values: env, prefix: "MILAGRO_GATEWAY" },
    file: files.config,
    optionalFile: true,
  });
  return {
    ...config,
    backend: config.backend === "" ? pathToFileURL(files.store).href : config.backend,
    database: config.database === "" ? `sqlite:${files.database}` : config.database,
    rules: isAbsolute(config.rules) ? config.rules : join(home, config.rules),
  };
}
