/**
 * Every command there is, in the order of the help.
 * @module
 */
import type { LazyCommand } from "./command.ts";

export const COMMANDS: readonly LazyCommand[] = [
  {
    name: "dev",
    summary: "start a whole domain on this machine and deliver a secret through it",
    load: async () => (await import("./commands/dev.ts")).dev,
  },
  {
    name: "dta",
    summary: "run a Distributed Trust Authority",
    load: async () => (await import("./commands/dta.ts")).dta,
  },
  {
    name: "domain",
    summary: "found, show and pin trust domains, rotate their mpin master",
    load: async () => (await import("./commands/domain.ts")).domain,
  },
  { name: "kms", summary: "run the D-KMS", load: async () => (await import("./commands/kms.ts")).kms },
  { name: "auth", summary: "run the login server", load: async () => (await import("./commands/auth.ts")).auth },
  {
    name: "enrol",
    summary: "get an identity its keys: one share from each D-TA, added up here",
    load: async () => (await import("./commands/enrol.ts")).enrol,
  },
  {
    name: "identity",
    summary: "identities and their keys",
    load: async () => (await import("./commands/identity.ts")).identity,
  },
  {
    name: "secret",
    summary: "put, get, rotate and list secrets",
    load: async () => (await import("./commands/secret.ts")).secret,
  },
  {
    name: "run",
    summary: "run a program with secrets in its environment or in files",
    load: async () => (await import("./commands/run.ts")).run,
  },
  {
    name: "endpoint",
    summary: "the daemon that hands secrets to local programs",
    load: async () => (await import("./commands/endpoint.ts")).endpoint,
  },
  {
    name: "attributes",
    summary: "attribute keys, and the attribute schema of a domain",
    load: async () => (await import("./commands/attributes.ts")).attributes,
  },
  {
    name: "policy",
    summary: "check, format and explain policies over attributes",
    load: async () => (await import("./commands/policy.ts")).policy,
  },
  {
    name: "channel",
    summary: "talk to an identity over a secure channel",
    load: async () => (await import("./commands/channel.ts")).channel,
  },
  {
    name: "forward",
    summary: "forward TCP connections to an identity, or for identities to targets",
    load: async () => (await import("./commands/forward.ts")).forward,
  },
  {
    name: "psk",
    summary: "keys for existing programs that speak TLS-PSK",
    load: async () => (await import("./commands/psk.ts")).psk,
  },
  { name: "vpn", summary: "a VPN between identities", load: async () => (await import("./commands/vpn.ts")).vpn },
  {
    name: "gateway",
    summary: "an S3 endpoint whose store gets ciphertext only",
    load: async () => (await import("./commands/gateway.ts")).gateway,
  },
  {
    name: "encrypt",
    summary: "encrypt a file to identities or to a policy, offline",
    load: async () => (await import("./commands/encrypt.ts")).encrypt,
  },
  {
    name: "decrypt",
    summary: "decrypt a file with your keys",
    load: async () => (await import("./commands/decrypt.ts")).decrypt,
  },
  { name: "sign", summary: "sign a file as an identity", load: async () => (await import("./commands/sign.ts")).sign },
  {
    name: "verify",
    summary: "check who signed a file",
    load: async () => (await import("./commands/verify.ts")).verify,
  },
  {
    name: "status",
    summary: "show every part of the domain and whether it is well",
    load: async () => (await import("./commands/status.ts")).status,
  },
  { name: "audit", summary: "audit logs", load: async () => (await import("./commands/audit.ts")).audit },
  {
    name: "completion",
    summary: "print a completion script for your shell",
    load: async () => (await import("./commands/completion.ts")).completion,
  },
];
