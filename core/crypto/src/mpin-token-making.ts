/**
 * Making tokens: of a client secret, for another PIN, under another `mpin` master. The equations are in `mpin-token.ts`.
 * @module
 */
import type { G1Engine, Scalar } from "@milagro/engine/engine";
import { equalBytes } from "./bytes.ts";
import type { DvsKey } from "./mpin-dvs.ts";
import { splitMpinInput } from "./mpin-identity.ts";
import type { MpinClientSecret } from "./mpin-key.ts";
import { type MpinToken, ownToken, pinPoint, type Unlock } from "./mpin-token.ts";
import type { TokenUpdate } from "./mpin-update.ts";

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

/** A handle of its own, so that two owners can be destroyed one after the other. */
function copyScalar(engine: G1Engine, scalar: Scalar): Scalar {
  return engine.scalars.add(scalar, engine.scalars.zero);
}
