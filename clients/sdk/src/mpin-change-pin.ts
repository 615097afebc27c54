/**
 * Another PIN. The change itself happens on the device and nobody is told; but a token does not know its PIN, so the old one is tried
 * by a login first. Otherwise a slip would leave a token that no PIN opens.
 * @module
 */
import { wipe } from "@milagro/crypto/bytes";
import type { Identity } from "@milagro/crypto/identity";
import {
  changePin as changeTokenPin,
  type DeviceFactor,
  encodeToken,
  type Pin,
  parsePin,
} from "@milagro/crypto/mpin-token";
import { openAccount, replaceToken } from "./mpin-account.ts";
import { type LoginOutcome, login } from "./mpin-login.ts";
import { type PinWeakness, pinWeakness } from "./mpin-pin.ts";
import type { MpinClient } from "./mpin-ports.ts";

/** `weak`: the new PIN is too easy; nothing was tried. Otherwise what the login with the old PIN came to, if not `accepted`. */
export type PinChange =
  | { readonly outcome: "changed" }
  | { readonly outcome: "weak"; readonly weakness: PinWeakness }
  | Exclude<LoginOutcome, { readonly outcome: "accepted" }>;

/**
 * Changes the PIN, and logs in as a by-effect. Both PINs are destroyed. A crash leaves the old PIN or the new one, nothing between.
 * @throws as `prepareLogin`; `ERR_STORAGE_UNAVAILABLE`: the old PIN holds
 */
export async function changePin(
  client: MpinClient,
  options: {
    readonly identity: Identity;
    readonly from: Pin;
    readonly to: Pin;
    readonly deviceFactor?: DeviceFactor;
  },
): Promise<PinChange> {
  const { identity, from, to, deviceFactor } = options;
  try {
    const { account, token, destroy } = await openAccount(client, identity);
    try {
      const weakness = pinWeakness(to, account.pinPolicy);
      if (weakness) return { outcome: "weak", weakness };
      const pin = from.use((digits) => parsePin(digits.slice()));
      const factor = deviceFactor ? { deviceFactor } : {};
      const tried = await login(client, { identity, pin, ...factor });
      if (tried.outcome !== "accepted") return tried;
      const changed = changeTokenPin(client.engine, token, { pin: from, ...factor }, { pin: to, ...factor });
      const bytes = encodeToken(client.engine, changed);
      changed.destroy();
      try {
        await replaceToken(client, identity, bytes);
      } finally {
        wipe(bytes);
      }
      return { outcome: "changed" };
    } finally {
      destroy();
    }
  } finally {
    from.destroy();
    to.destroy();
  }
}
