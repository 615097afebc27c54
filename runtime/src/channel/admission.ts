/**
 * How many connections may be on their way to a channel at once: in all and from one address. Counting costs nothing, an agreement
 * costs milliseconds.
 * @module
 */
import { createRateLimiter } from "../rate-limit.ts";

export interface AdmissionLimits {
  /** Connections that are not set up yet, in all. Default 256. */
  readonly maxPending?: number | undefined;
  /** The same from one address (for IPv6 from one /64). Default 32. */
  readonly maxPendingPerAddress?: number | undefined;
  /** New connections a second from one address, for ever; bursts may have ten times as many. Default 50. */
  readonly perSecondPerAddress?: number | undefined;
  /** Channels that are set up, in all. Default: no limit. */
  readonly maxChannels?: number | undefined;
}

export interface Admission {
  /** Takes a place, or says no. The function gives it back; calling it twice is harmless. */
  enter(address: string, nowMs: number): (() => void) | undefined;
  readonly pending: number;
}

/** The part of an address that one party usually has to itself. */
export function sourceOf(address: string): string {
  const plain = address.startsWith("::ffff:") ? address.slice(7) : address;
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array<string>(zeros).fill("0"), ...after].slice(0, 4).join(":");
}

export function createAdmission(limits: AdmissionLimits): Admission {
  const { maxPending = 256, maxPendingPerAddress = 32, perSecondPerAddress = 50 } = limits;
  const rates = createRateLimiter({ burst: perSecondPerAddress * 10, perSecond: perSecondPerAddress });
  const bySource = new Map<string, number>();
  let pending = 0;
  return {
    enter(address, nowMs) {
      const source = sourceOf(address);
      const own = bySource.get(source) ?? 0;
      if (pending >= maxPending || own >= maxPendingPerAddress || rates.take(source, nowMs) > 0) return undefined;
      pending += 1;
      bySource.set(source, own + 1);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        pending -= 1;
        const rest = (bySource.get(source) ?? 1) - 1;
        if (rest > 0) bySource.set(source, rest);
        else bySource.delete(source);
      };
    },
    get pending() {
      return pending;
    },
  };
}
