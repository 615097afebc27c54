/**
 * Where a webhook may go: to public addresses, and to private networks that the operator has named. The address is looked at after
 * the name was resolved, and the connection is made to that very address: a name that means another place a moment later gains nothing.
 *
 * Source: IANA special-purpose address registries (RFC 6890).
 * @module
 */
import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { MilagroError } from "@milagro/engine/error";

const PRIVATE: readonly (readonly [network: string, prefix: number, family: "ipv4" | "ipv6"])[] = [
  ["0.0.0.0", 8, "ipv4"],
  ["10.0.0.0", 8, "ipv4"],
  ["100.64.0.0", 10, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["172.16.0.0", 12, "ipv4"],
  ["192.0.0.0", 24, "ipv4"],
  ["192.0.2.0", 24, "ipv4"],
  ["192.88.99.0", 24, "ipv4"],
  ["192.168.0.0", 16, "ipv4"],
  ["198.18.0.0", 15, "ipv4"],
  ["198.51.100.0", 24, "ipv4"],
  ["203.0.113.0", 24, "ipv4"],
  ["224.0.0.0", 4, "ipv4"],
  ["240.0.0.0", 4, "ipv4"],
];
/** Of IPv6 only global unicast is public, without the parts of it that lead back to IPv4 or nowhere. */
const IPV6_PUBLIC = ["2000::", 3] as const;
const IPV6_NOT: readonly (readonly [string, number])[] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];

const privateV4 = new BlockList();
for (const [network, prefix, family] of PRIVATE) privateV4.addSubnet(network, prefix, family);
const publicV6 = new BlockList();
publicV6.addSubnet(...IPV6_PUBLIC, "ipv6");
const notPublicV6 = new BlockList();
for (const [network, prefix] of IPV6_NOT) notPublicV6.addSubnet(network, prefix, "ipv6");

/** Whether an address is one that anybody can reach. An IPv4 address inside IPv6 is judged as what it is. */
export function isPublicAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return isPublicAddress(mapped);
  if (isIP(address) === 4) return !privateV4.check(address, "ipv4");
  return isIP(address) === 6 && publicV6.check(address, "ipv6") && !notPublicV6.check(address, "ipv6");
}

/** Addresses and networks, `192.168.7.0/24`. @throws `ERR_CONFIG_INVALID` */
export function networkList(texts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of texts) {
    const [address = "", prefix] = text.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    try {
      list.addSubnet(address, prefix === undefined ? (family === "ipv6" ? 128 : 32) : Number(prefix), family);
    } catch {
      throw new MilagroError("ERR_CONFIG_INVALID", 'setting "webhookAllow": an entry is no address or network');
    }
  }
  return list;
}

/** Where to connect. */
export interface Target {
  readonly url: URL;
  readonly address: string;
  readonly family: 4 | 6;
}

/**
 * Resolves a webhook's URL. All addresses of the name must be allowed, not only the one that is taken.
 * @throws `ERR_WEBHOOK_REFUSED`; `ERR_UNREACHABLE` when the name does not resolve
 */
export async function resolveTarget(text: string, allowed: BlockList): Promise<Target> {
  const url = parseWebhookUrl(text);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const found = await lookup(host, { all: true }).catch(() => {
    throw new MilagroError("ERR_UNREACHABLE", "the webhook's host name does not resolve");
  });
  const isAllowed = ({ address, family }: { address: string; family: number }): boolean =>
    allowed.check(address, family === 6 ? "ipv6" : "ipv4");
  const [first] = found;
  if (!first || !found.every((one) => isPublicAddress(one.address) || isAllowed(one)))
    throw new MilagroError("ERR_WEBHOOK_REFUSED", "a webhook may not go to a private address");
  if (url.protocol === "http:" && !found.every(isAllowed))
    throw new MilagroError("ERR_WEBHOOK_REFUSED", "a webhook goes by https, but for networks that are allowed by name");
  return { url, address: first.address, family: first.family === 6 ? 6 : 4 };
}

/** http or https, no user, no fragment. @throws `ERR_WEBHOOK_REFUSED` */
export function parseWebhookUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const good =
    url !== undefined &&
    (url.protocol === "https:" || url.protocol === "http:") &&
    url.username === "" &&
    url.password === "" &&
    url.hash === "" &&
    text.length <= 2048;
  if (!good)
    throw new MilagroError("ERR_WEBHOOK_REFUSED", "a webhook is an http or https URL without user and fragment");
  return url;
}
