/**
 * What `init` writes and `serve` reads: `<home>/config.json`, overridden by `MILAGRO_DTA_…` and by flags.
 * @module
 */
import { join } from "node:path";
import { AuthorityName } from "@milagro/protocol/descriptor";
import { line, strict } from "@milagro/protocol/wire";
import { loadConfig } from "@milagro/runtime/config";
import { type ListenAddress, parseListenAddress } from "@milagro/runtime/http-listen";
import { checkPlainSetting } from "@milagro/runtime/plain";
import Type, { type Static } from "typebox";

export const ConfigSchema = strict({
  v: Type.Literal(1),
  name: AuthorityName,
  operator: line(128, "Who runs this D-TA"),
  jurisdiction: line(64, "Under whose law"),
  /** Host and port of the public API; port 0 takes a free one. "none": reached over the bus only. */
  listen: Type.String({
    pattern: "^(?:none|(?:[A-Za-z0-9.-]+|\\[[0-9a-fA-F:.]+\\]):[0-9]{1,5})$",
    default: "127.0.0.1:0",
  }),
  /** The domain's bus, when it is not the one that the descriptor names; "none" for no bus. */
  busUrl: Type.Optional(Type.String({ maxLength: 512, pattern: "^(?:none|(?:milagro|mqtts?|wss?)://.+)$" })),
  logLevel: Type.Union([Type.Literal("debug"), Type.Literal("info"), Type.Literal("warn"), Type.Literal("error")], {
    default: "info",
  }),
  /** "stderr", or a file that is appended to. */
  logFile: Type.String({ minLength: 1, maxLength: 1024, default: "stderr" }),
  /** Where codes for enrolment go: an SMTP server, `smtps://user@host` or `smtp://host:587` (with STARTTLS), or `folder:<dir>`, a file a mail. Absent: no mail. */
  mail: Type.Optional(
    Type.String({
      maxLength: 512,
      pattern: "^(?:folder:.+|smtps?://(?:[^\\s/:@]+@)?(?:[A-Za-z0-9.-]+|\\[[0-9a-fA-F:.]+\\])(?::[0-9]{1,5})?/?)$",
    }),
  ),
  /** The sender's address; needed for SMTP. */
  mailFrom: Type.Optional(Type.String({ maxLength: 254, pattern: "^[^\\s<>@]+@[^\\s<>@]+$" })),
  /** File with the password of the user at the SMTP server, readable to its owner only. */
  mailPasswordFile: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
  /** The most mails in an hour, to everybody together. */
  mailsPerHour: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 600 }),
  /** Addresses of proxies in front of it, whose X-Forwarded-For is believed: else all their clients are one address to every limit. */
  trustProxy: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 16, default: [] }),
  /** Whoever connects without a channel comes from a proxy that has taken TLS off: plain connections from other machines are accepted. */
  tlsInFront: Type.Boolean({ default: false }),
  /** Requests of one address to the public API. */
  requestsPerMinute: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 6000 }),
});
export type DtaConfig = Static<typeof ConfigSchema>;

/** The files of a D-TA, all below its home folder, which belongs to its operator alone (mode 0700). */
export interface Home {
  readonly folder: string;
  readonly config: string;
  readonly policy: string;
  readonly database: string;
  readonly masters: string;
  readonly adminSocket: string;
}

export function homeOf(folder: string): Home {
  return {
    folder,
    config: join(folder, "config.json"),
    policy: join(folder, "policy.json"),
    database: join(folder, "dta.sqlite"),
    masters: join(folder, "masters.sealed"),
    adminSocket: join(folder, "admin.sock"),
  };
}

/** @throws `ERR_CONFIG_INVALID` naming the key, `ERR_CONFIG_MISSING` when there was no `init`, `ERR_PLAIN_REFUSED` */
export function readConfig(home: Home, flags: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): DtaConfig {
  const config = loadConfig(ConfigSchema, { file: home.config, flags, env: { values: env, prefix: "MILAGRO_DTA" } });
  checkPlainSetting("busUrl", config.busUrl);
  return config;
}

/** `undefined`: do not listen. @throws `ERR_CONFIG_INVALID` */
export function publicAddress(config: DtaConfig): ListenAddress | undefined {
  return config.listen === "none" ? undefined : parseListenAddress(config.listen);
}
