/**
 * Whom a limit by address counts: an IPv4 address, or the /64 of an IPv6 address, because whoever has one address there has all of them.
 * @module
 */

/** @param address - as Node gives it: dotted, hexadecimal with `::`, or IPv4 inside IPv6; anything else is its own key */
export function clientNetwork(address: string): string {
  const dotted = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (dotted !== undefined) return dotted;
  const [plain = ""] = address.split("%"); // a link-local address names its interface
  if (!/^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(plain)) return address;
  const [head = "", tail] = plain.split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const right = groups(tail ?? "");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups(head).length - right.length);
  const all = [...groups(head), ...Array.from({ length: zeros }, () => "0"), ...right];
  return `${all
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}
