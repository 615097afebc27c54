/**
 * Another PIN. The change itself happens on the device and nobody is told; but a token does not know its PIN, so the old one is tried
 * by a login first. Otherwise a slip would leave a token that no PIN opens.
 * @module
 */
import { wipe } from "@milagro/crypto/bytes";
import type { Identity } from "@milagro/crypto/identity";
import { type DeviceFactor, encodeToken, type Pin, type Unlock } from "@milagro/crypto/mpin-token";
import { changePin as changeTokenPin } from "@milagro/crypto/mpin-token-making";
import { type OpenAccount, openAccount } from "./mpin-account.ts";
import { replaceToken } from "./mpin-account-write.ts";
import { type LoginOutcome, login } from "./mpin-login.ts";
import { copyPin, type PinWeakness, pinWeakness } from "./mpin-pin.ts";
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
  const factor = deviceFactor ? { deviceFactor } : {};
  try {
    for (;;) {
      const opened = await openAccount(client, identity);
      try {
        const weakness = pinWeakness(to, opened.account.pinPolicy);
        if (weakness) return { outcome: "weak", weakness };
        const tried = await login(client, { identity, pin: copyPin(from), ...factor });
        if (tried.outcome !== "accepted") return tried;
        // The login may have updated the token, and another window may have changed its PIN: then the old PIN is tried on what is there now.
        if (await change(client, opened, { pin: from, ...factor }, { pin: to, ...factor }))
          return { outcome: "changed" };
      } finally {
        opened.destroy();
      }
    }
  } finally {
    from.destroy();
    to.destroy();
  }
}

/** @returns false where another token has been put in this one's place */
async function change(client: MpinClient, { account, token }: OpenAccount, from: Unlock, to: Unlock): Promise<boolean> {
  const { engine } = client;
  const changed = changeTokenPin(engine, token, { ...from, pin: copyPin(from.pin) }, { ...to, pin: copyPin(to.pin) });
  const bytes = { from: encodeToken(engine, token), to: encodeToken(engine, changed) };
  changed.destroy();
  try {
    return await replaceToken(client, account.identity, bytes);
  } finally {
    wipe(bytes.from, bytes.to);
  }
}
