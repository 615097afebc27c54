/**
 * Where a forwarder may connect on behalf of others: patterns of hosts and ports, and the one decision. Deny by default.
 *
 * A pattern is `host:port`. The host is a name, `*.name` for everything below one, an address, a network `address/prefix`, or `*`; the port is
 * a number or `*`. Names are compared with names and addresses with addresses: a network does not cover a name that resolves into it, and who
 * allows a name allows wherever it leads.
 * @module
 */
import { BlockList, isIP } from "node:net";
import { MilagroError } from "@milagro/engine/error";

export interface Target {
  /** A name in lower case, or an address without brackets. */
  readonly host: string;
  /** 1 to 65,535. */
  readonly port: number;
}

export interface TargetPattern {
  readonly text: string;
  matches(target: Target): boolean;
}

/** RFC 1123 names; an underscore is common in private zones. */
const NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/** `name:port`, `1.2.3.4:port`, `[v6]:port`. @throws `ERR_TARGET_INVALID` */
export function parseTarget(text: string): Target {
  const { host, port } = split(text);
  return targetOf(host, Number(port));
}

/** @throws `ERR_TARGET_INVALID` */
export function targetOf(host: string, port: number): Target {
  const name = host.toLowerCase().replace(/\.$/, "");
  // Digits and dots alone that are no address are one to some resolvers: 127.1, 0x7f.1.
  const fits = isIP(name) !== 0 || (NAME.test(name) && !/^(?:0x[0-9a-f]*|\d+)$/.test(name.split(".").at(-1) ?? ""));
  if (!fits || name.includes("%") || !Number.isInteger(port) || port < 1 || port > 65_535) throw invalid();
  return { host: name, port };
}

export function formatTarget({ host, port }: Target): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** @throws `ERR_TARGET_INVALID` */
export function parseTargetPattern(text: string): TargetPattern {
  const { host, port } = split(text);
  const matchesHost = hostMatcher(host.toLowerCase());
  if (port === "*") return { text, matches: (target) => matchesHost(target.host) };
  const { port: number } = targetOf("x", Number(port));
  return { text, matches: (target) => target.port === number && matchesHost(target.host) };
}

/** Whether one of the patterns allows the target. */
export function decideTarget(patterns: readonly TargetPattern[], target: Target): boolean {
  return patterns.some((pattern) => pattern.matches(target));
}

function hostMatcher(host: string): (host: string) => boolean {
  if (host === "*") return () => true;
  if (host.startsWith("*.")) {
    const { host: name } = targetOf(host.slice(2), 1);
    if (isIP(name) !== 0) throw invalid();
    return (other) => other.endsWith(`.${name}`) && isIP(other) === 0;
  }
  const [address = "", prefix] = host.split("/");
  const family = isIP(address);
  if (family === 0) {
    if (prefix !== undefined) throw invalid();
    const { host: name } = targetOf(host, 1);
    return (other) => other === name;
  }
  const bits = prefix === undefined ? (family === 4 ? 32 : 128) : Number(prefix);
  if (prefix !== undefined && (!/^\d{1,3}$/.test(prefix) || bits > (family === 4 ? 32 : 128))) throw invalid();
  const list = new BlockList();
  const of = (version: number): "ipv4" | "ipv6" => (version === 4 ? "ipv4" : "ipv6");
  list.addSubnet(address, bits, of(family));
  return (other) => {
    const version = isIP(other);
    return version !== 0 && list.check(other, of(version));
  };
}

function split(text: string): { readonly host: string; readonly port: string } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5}|\*)$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3];
  if (host === undefined || port === undefined) throw invalid();
  return { host, port };
}

function invalid(): MilagroError {
  return new MilagroError(
    "ERR_TARGET_INVALID",
    "a target is name:port, address:port or [v6 address]:port, with * and address/prefix in rules",
  );
}
