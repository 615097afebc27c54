/**
 * One D-TA's part of a domain's master secret, per scheme. The sum over all D-TAs is the master secret, and exists nowhere:
 * there is no type for it.
 *
 * The scheme is part of the type. A share for `mpin` does not type-check where a public key in G2 is published, because
 * whoever holds `s·Q` for any Q in G2 can test the PINs of a stolen token offline.
 * @module
 */
import type { Engine, Scalar } from "@milagro/engine/engine";
import { MilagroError } from "./error.ts";

/** `id` keys and signatures · `mpin` login · `cp`, `kp` attributes · `statement` what a D-TA itself signs. */
export type Scheme = "id" | "mpin" | "cp" | "kp" | "statement";
/** Schemes that publish `s·g2`. */
export type SchemeWithG2 = Exclude<Scheme, "mpin">;

/** All schemes, in the order in which a D-TA writes them. */
export const SCHEMES: readonly Scheme[] = ["id", "mpin", "cp", "kp", "statement"];

/** Owns a scalar in [1, r). Cannot be printed or serialised; only `encodeMasterSecretShare` gives its bytes. */
class MasterSecretShare<S extends Scheme> {
  readonly scheme: S;
  readonly #engine: Engine;
  #scalar: Scalar | undefined;

  constructor(engine: Engine, scheme: S, scalar: Scalar) {
    this.#engine = engine;
    this.scheme = scheme;
    this.#scalar = scalar;
  }

  /** Lends the scalar to a synchronous `fn`, which must not keep it. @throws TypeError after `destroy` */
  use<T>(fn: (scalar: Scalar) => T): T {
    if (!this.#scalar) throw new TypeError(`the ${this.scheme} master secret share was destroyed`);
    return fn(this.#scalar);
  }

  /** Overwrites the scalar as far as the engine can. May be called twice. */
  destroy(): void {
    if (this.#scalar) this.#engine.zeroise(this.#scalar);
    this.#scalar = undefined;
  }

  toJSON(): string {
    return `[MasterSecretShare ${this.scheme}]`;
  }

  toString(): string {
    return this.toJSON();
  }
}

export type { MasterSecretShare };

/** A fresh share, uniform in [1, r), from the engine's random source. */
export function generateMasterSecretShare<S extends Scheme>(engine: Engine, scheme: S): MasterSecretShare<S> {
  return new MasterSecretShare(engine, scheme, engine.scalars.random());
}

/** 32 bytes, big-endian, for sealing and nothing else. The caller wipes them. */
export function encodeMasterSecretShare<S extends Scheme>(engine: Engine, share: MasterSecretShare<S>): Uint8Array {
  return share.use((scalar) => engine.scalars.encode(scalar));
}

/**
 * From 32 unsealed bytes, which the caller wipes.
 * @throws `ERR_SCALAR_INVALID` for 0, for r and above, and for another length
 */
export function parseMasterSecretShare<S extends Scheme>(
  engine: Engine,
  scheme: S,
  bytes: Uint8Array,
): MasterSecretShare<S> {
  if (!SCHEMES.includes(scheme))
    throw new MilagroError("ERR_SCHEME_INVALID", `a scheme is one of ${SCHEMES.join(", ")}`);
  return new MasterSecretShare(engine, scheme, engine.scalars.decode(bytes));
}
