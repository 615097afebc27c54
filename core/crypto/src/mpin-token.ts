/**
 * The token: what a device stores. It is the client secret with the PIN taken out, and no PIN can be told from another by it.
 *
 *   α = hashToScalar("MILAGRO-V1-MPIN-PIN", input, PIN, device factor or empty)
 *   T = S − α·A            with a DVS key z:  T = z·S − α·A
 *   change of PIN:  T' = T + (α − α')·A, on the device alone
 *   other master:   T' = T + U        with z:         T' = T + z·U, see `mpin-update.ts`
 *
 * α is a full scalar, not the number the PIN spells. So "012345" and "12345" differ, one PIN has unrelated α on two devices,
 * the device factor enters in the same way, no multiplication has a small secret, and two wrong PINs are not "close" in any
 * sense a server could measure. It costs a fifth of a millisecond. The derivation is not slowed down: who can test a PIN at all
 * holds the server secret, and 10⁴ to 10⁸ candidates are few at any bearable delay. The device factor is what helps then.
 *
 * Making and changing tokens is in `mpin-token-making.ts`: a login needs neither.
 * @module
 */
import type { G1, G1Engine, Scalar } from "@milagro/engine/engine";
import { concat, equalBytes, wipe } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { parseIdentityInput } from "./identity-input.ts";
import { hashToScalar } from "./kdf.ts";
import { hashMpin, isDvsInput, type MpinInput, permitInput } from "./mpin-identity.ts";
import { decodeG1 } from "./mpin-key.ts";
import { MpinSecret } from "./mpin-secret.ts";
import { Secret } from "./secret.ts";
import type { TimePermit } from "./time-permit.ts";

/** 4 to 8 ASCII digits. */
export type Pin = Secret<"PIN">;
/** 16 to 64 bytes that only this device has, such as the output of a passkey. */
export type DeviceFactor = Secret<"device factor">;

/** What turns a token into a client secret again. The PIN is used up: every function that takes one destroys it. */
export interface Unlock {
  readonly pin: Pin;
  readonly deviceFactor?: DeviceFactor;
}

interface TokenValue {
  readonly point: G1;
  /** There exactly when the input is a DVS input. */
  readonly z: Scalar | undefined;
}

/** What the device stores, sealed as well as it can. */
export type MpinToken = MpinSecret<"token", TokenValue, MpinInput>;

/** @param digits - ASCII, overwritten with zeros whatever the outcome @throws `ERR_PIN_INVALID` unless 4 to 8 digits */
export function parsePin(digits: Uint8Array): Pin {
  let sound = digits.length >= 4 && digits.length <= 8;
  for (const byte of digits) sound = sound && byte >= 0x30 && byte <= 0x39;
  if (sound) return new Secret("PIN", digits);
  wipe(digits);
  throw new MilagroError("ERR_PIN_INVALID", "a PIN is 4 to 8 digits");
}

/** @param bytes - 16 to 64, overwritten with zeros @throws TypeError for another length */
export function deviceFactor(bytes: Uint8Array): DeviceFactor {
  if (bytes.length < 16 || bytes.length > 64) throw new TypeError("a device factor has 16 to 64 bytes");
  return new Secret("device factor", bytes);
}

/**
 * The client secret of a login: `T + α·A`, with a permit's point added (times z for a DVS token). Whether the PIN was right cannot
 * be seen from it. The caller zeroises it.
 * @throws TypeError for a permit of another identity
 */
export function unlockToken(engine: G1Engine, token: MpinToken, unlock: Unlock, permit: TimePermit | undefined): G1 {
  try {
    return token.use(({ point, z }) => {
      const whole = engine.g1.add(point, pinPoint(engine, token.input, unlock));
      if (!permit) return whole;
      checkPermit(token.input, permit);
      const sum = permit.use((p) => engine.g1.add(whole, z ? engine.g1.multiplySecret(p, z) : p));
      engine.zeroise(whole);
      return sum;
    });
  } finally {
    unlock.pin.destroy();
  }
}

/** T (48 bytes), for a DVS token T ‖ z (80), for sealing on the device and nothing else. The caller wipes them. */
export function encodeToken(engine: G1Engine, token: MpinToken): Uint8Array {
  return token.use(({ point, z }) => concat(engine.g1.encode(point), ...(z ? [engine.scalars.encode(z)] : [])));
}

/** From unsealed bytes, which the caller wipes. @throws `ERR_POINT_INVALID`, `ERR_SCALAR_INVALID` */
export function parseToken(engine: G1Engine, input: MpinInput, bytes: Uint8Array): MpinToken {
  const split = engine.g1.encodedLength;
  if (!isDvsInput(input)) return ownToken(engine, input, decodeG1(engine, bytes), undefined);
  const point = decodeG1(engine, bytes.subarray(0, split));
  return ownToken(engine, input, point, engine.scalars.decode(bytes.slice(split)));
}

/** Takes over both handles. */
export function ownToken(engine: G1Engine, input: MpinInput, point: G1, z: Scalar | undefined): MpinToken {
  return new MpinSecret(engine, "token", input, { point, z }, z ? [point, z] : [point]);
}

/** α·A. */
export function pinPoint(engine: G1Engine, input: MpinInput, { pin, deviceFactor: factor }: Unlock): G1 {
  const derive = (second: Uint8Array): Scalar =>
    pin.use((first) => hashToScalar(engine, "MILAGRO-V1-MPIN-PIN", input, first, second));
  const alpha = factor ? factor.use(derive) : derive(new Uint8Array(0));
  const point = engine.g1.multiplySecret(hashMpin(engine, input), alpha);
  engine.zeroise(alpha);
  return point;
}

function checkPermit(input: MpinInput, permit: TimePermit): void {
  const wanted = permitInput(input, parseIdentityInput(permit.input).epoch);
  if (!equalBytes(wanted, permit.input)) throw new TypeError("this time permit is another identity's");
}
