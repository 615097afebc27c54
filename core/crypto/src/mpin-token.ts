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
 * @module
 */
import type { G1, G1Engine, Scalar } from "@milagro/engine/engine";
import { concat, equalBytes, wipe } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { parseIdentityInput } from "./identity-input.ts";
import { hashToScalar } from "./kdf.ts";
import type { DvsKey } from "./mpin-dvs.ts";
import { hashMpin, isDvsInput, type MpinInput, permitInput, splitMpinInput } from "./mpin-identity.ts";
import { decodeG1, type MpinClientSecret } from "./mpin-key.ts";
import { MpinSecret } from "./mpin-secret.ts";
import type { TokenUpdate } from "./mpin-update.ts";
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
 * Takes the PIN out of a client secret, which should be destroyed afterwards.
 * @param dvsKey - for a DVS input, and only then: the key it names
 * @throws TypeError when the key is missing, superfluous or another one
 */
export function createToken(engine: G1Engine, secret: MpinClientSecret, unlock: Unlock, dvsKey?: DvsKey): MpinToken {
  const { input } = secret;
  const named = splitMpinInput(input).dvsKey;
  try {
    if ((named === undefined) !== (dvsKey === undefined) || (named && dvsKey && !equalBytes(named, dvsKey.input))) {
      throw new TypeError("a DVS input goes with the key it names, a plain one with none");
    }
    const z = dvsKey?.use((scalar) => copyScalar(engine, scalar));
    const whole = secret.use((s) => (z ? engine.g1.multiplySecret(s, z) : s));
    return ownToken(engine, input, engine.g1.subtract(whole, pinPoint(engine, input, unlock)), z);
  } finally {
    unlock.pin.destroy();
  }
}

/**
 * A token for another PIN or device factor; the old one may be destroyed. Whether the old PIN is right shows at the next login and
 * nowhere else, so log in with it first: with a wrong one the new token is good for no PIN anybody knows.
 */
export function changePin(engine: G1Engine, token: MpinToken, from: Unlock, to: Unlock): MpinToken {
  try {
    const { input } = token;
    return token.use(({ point, z }) => {
      const whole = engine.g1.add(point, pinPoint(engine, input, from));
      const changed = engine.g1.subtract(whole, pinPoint(engine, input, to));
      engine.zeroise(whole);
      return ownToken(engine, input, changed, z && copyScalar(engine, z));
    });
  } finally {
    from.pin.destroy();
    to.pin.destroy();
  }
}

/**
 * The token under another `mpin` master, for the same PIN and device factor; the old one may be destroyed once the new one is stored.
 * @throws TypeError for an update that was made for another input
 */
export function updateToken(engine: G1Engine, token: MpinToken, update: TokenUpdate): MpinToken {
  if (!equalBytes(token.input, update.input)) throw new TypeError("this token update is another identity's");
  return token.use(({ point, z }) => {
    const sum = update.use((u) => engine.g1.add(point, z ? engine.g1.multiplySecret(u, z) : u));
    return ownToken(engine, token.input, sum, z && copyScalar(engine, z));
  });
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

function ownToken(engine: G1Engine, input: MpinInput, point: G1, z: Scalar | undefined): MpinToken {
  return new MpinSecret(engine, "token", input, { point, z }, z ? [point, z] : [point]);
}

/** α·A. */
function pinPoint(engine: G1Engine, input: MpinInput, { pin, deviceFactor: factor }: Unlock): G1 {
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

/** A handle of its own, so that two owners can be destroyed one after the other. */
function copyScalar(engine: G1Engine, scalar: Scalar): Scalar {
  return engine.scalars.add(scalar, engine.scalars.zero);
}
