/**
 * What may be said without encryption: what stays on this machine. The one place that decides, for listeners, clients, and stores.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";

/** `localhost`, 127.0.0.0/8 and ::1, also inside IPv6. */
export function isThisMachine(host: string): boolean {
  return /^(?:localhost|(?:::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[?::1\]?)$/i.test(host);
}

/** Schemes whose libraries use TLS or nothing. All others are taken for plain. */
const ENCRYPTED: readonly string[] = ["https:", "mqtts:", "wss:"];

/**
 * Looks at an address that nothing but its scheme protects: there is no channel to it.
 * @param what - who or what is asked there, for the message
 * @throws `ERR_PLAIN_REFUSED`
 */
export function checkPlainTarget(what: string, { protocol, hostname, host }: URL): void {
  if (ENCRYPTED.includes(protocol) || isThisMachine(hostname)) return;
  throw new MilagroError(
    "ERR_PLAIN_REFUSED",
    `${what} (${protocol}//${host}) is on another machine, and nothing would be encrypted on the way`,
  );
}

/** The same for a setting; `none` and channels are fine. @throws `ERR_PLAIN_REFUSED` */
export function checkPlainSetting(name: string, address: string | undefined): void {
  if (address === undefined || address === "none" || address.startsWith("milagro:")) return;
  checkPlainTarget(`the address in setting "${name}"`, new URL(address));
}
