/**
 * The owner of every secret of M-Pin. Which one it is stands in its type, so that a token, a client secret, a server secret and
 * a time permit, three of which are points of one group, cannot take each other's place.
 * @module
 */
import type { G1, G1Engine, G2, Scalar } from "@milagro/engine/engine";
import { equalBytes } from "./bytes.ts";
import { MilagroError } from "./error.ts";

/** What a secret is. The server's are the only ones in G2, and nothing turns one into a public key. */
export type MpinSecretKind =
  | "client secret share"
  | "client secret"
  | "server secret share"
  | "server secret"
  | "time permit share"
  | "time permit"
  | "token"
  | "token update share"
  | "token update"
  | "DVS key";

/** Owns a secret value. Cannot be printed or serialised; only the encoder of its kind gives the bytes. */
export class MpinSecret<Kind extends MpinSecretKind, Value, For> {
  readonly kind: Kind;
  /** What it was made for: an identity input, or nothing for secrets that are nobody's. Public. */
  readonly input: For;
  readonly #engine: G1Engine;
  readonly #handles: readonly (Scalar | G1 | G2)[];
  #value: Value | undefined;

  /** @param handles - what to overwrite when it is destroyed */
  constructor(engine: G1Engine, kind: Kind, input: For, value: Value, handles: readonly (Scalar | G1 | G2)[]) {
    this.#engine = engine;
    this.kind = kind;
    this.input = input;
    this.#value = value;
    this.#handles = handles;
  }

  /** Lends the value to a synchronous `fn`, which must not keep it. @throws TypeError after `destroy` */
  use<T>(fn: (value: Value) => T): T {
    if (this.#value === undefined) throw new TypeError(`this ${this.kind} was destroyed`);
    return fn(this.#value);
  }

  /** Overwrites the value as far as the engine can. May be called twice. */
  destroy(): void {
    if (this.#value !== undefined) this.#engine.zeroise(...this.#handles);
    this.#value = undefined;
  }

  toJSON(): string {
    return `[M-Pin ${this.kind}]`;
  }

  toString(): string {
    return this.toJSON();
  }
}

/** A secret point of G1 that belongs to one input. */
export type OwnedG1<Kind extends MpinSecretKind, For> = MpinSecret<Kind, G1, For>;

export function ownG1<Kind extends MpinSecretKind, For>(
  engine: G1Engine,
  kind: Kind,
  input: For,
  point: G1,
): OwnedG1<Kind, For> {
  return new MpinSecret(engine, kind, input, point, [point]);
}

/**
 * The sum of the shares of all D-TAs, and what it is for.
 * @throws `ERR_SHARE_INVALID` for no shares, shares for different inputs, and a sum that is the identity element
 */
export function sumOwnedG1<For extends Uint8Array>(
  engine: G1Engine,
  shares: readonly OwnedG1<MpinSecretKind, For>[],
): { readonly input: For; readonly sum: G1 } {
  const [first] = shares;
  if (!first) throw new MilagroError("ERR_SHARE_INVALID", "no shares to add");
  if (shares.some(({ input }) => !equalBytes(input, first.input))) {
    throw new MilagroError("ERR_SHARE_INVALID", "shares for different identities, epochs or domains do not add up");
  }
  const sum = engine.g1.sum(shares.map((share) => share.use((point) => point)));
  if (engine.g1.isIdentity(sum)) throw new MilagroError("ERR_SHARE_INVALID", "the shares add up to nothing");
  return { input: first.input, sum };
}
