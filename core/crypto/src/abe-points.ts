/**
 * The public points of attribute-based encryption. All are hashed, so there is nothing to set up and no trapdoor.
 *
 *   scope = 0x01 ‖ domainId (32) ‖ len8 scheme ‖ scheme ‖ u64 epoch        scheme `cp` or `kp`; epoch 0: not bound to one
 *   point(role, …) = hash_to_curve_G1(transcript("MILAGRO-V1-ABE-POINT", scope, role, …), tag ABE)
 *
 *   B        = point("base")                                   h0 = point("negation-0", label)
 *   equal    = point("equal", label, value)                    h1 = point("negation-1", label)
 *   prefix   = point("prefix", label, u8 type ‖ u8 width, u8 length ‖ u32 bits)    type 2 integer, 3 date (width 16)
 *   negation = x·h0 + h1,  x = hashToScalar("MILAGRO-V1-ABE-VALUE", label, value)
 *
 * Without domain, scheme and epoch in every hash, a key from a lax domain, of the other scheme or of a past epoch would fit.
 * Source: Riepel, Wee: FABEO (CCS 2022); Tomida, Kawahara, Nishimaki (PKC 2020) for the negation.
 * @module
 */
import type { Engine, FixedBase, G1, Gt, Scalar } from "@milagro/engine/engine";
import type { Component } from "./attribute-set.ts";
import { concat, encodeHex, lengthPrefixed, transcript, u8, u32, u64, utf8 } from "./bytes.ts";
import type { DomainId } from "./domain-id.ts";
import type { Epoch } from "./epoch.ts";
import { hashTag } from "./hash-tag.ts";
import { hashToScalar } from "./kdf.ts";
import type { DomainPublicKey } from "./master-public.ts";
import { widthOf } from "./policy.ts";
import { componentKey } from "./policy-rows.ts";
import { preparedLines } from "./precomputed.ts";

/** `cp`: the ciphertext has the policy; `kp`: the key has it. */
export type AbeScheme = "cp" | "kp";

/** What keys and ciphertexts must have in common. */
export interface AbeScope<S extends AbeScheme = AbeScheme> {
  readonly domainId: DomainId;
  readonly scheme: S;
  /** Keys and ciphertexts of one epoch only; `NO_EXPIRY`: of any, and policies speak about epochs where they care. */
  readonly epoch: Epoch;
}

/** The points of one scope. */
export interface AbePoints {
  readonly base: G1;
  /** B, from a table. */
  readonly baseTable: FixedBase<G1>;
  of(component: Component): G1;
  negation(label: string): { readonly h0: G1; readonly h1: G1 };
}

/** Points kept for each scope, and scopes kept: about 6 MB at the most. */
const MAX_POINTS = 4096;
const MAX_SCOPES = 4;
const TAG = hashTag("ABE", "G1");

const scopes = new WeakMap<Engine, Map<string, AbePoints>>();
const targets = new WeakMap<Engine, WeakMap<DomainPublicKey<AbeScheme>, Gt>>();

/** The bytes of the header comment. */
export function encodeScope({ domainId, scheme, epoch }: AbeScope): Uint8Array {
  return concat(Uint8Array.of(0x01), domainId, lengthPrefixed(8, utf8(scheme)), u64(epoch));
}

/** The points of a scope, hashed when first asked for and kept. */
export function abePoints(engine: Engine, scope: AbeScope): AbePoints {
  const known = scopes.get(engine) ?? new Map<string, AbePoints>();
  scopes.set(engine, known);
  const bytes = encodeScope(scope);
  const name = encodeHex(bytes);
  const points = known.get(name) ?? makePoints(engine, bytes);
  known.delete(name);
  if (known.size >= MAX_SCOPES) known.delete(known.keys().next().value as string);
  known.set(name, points);
  return points;
}

function makePoints(engine: Engine, scope: Uint8Array): AbePoints {
  const known = new Map<string, G1>();
  const remember = (key: string, make: () => G1): G1 => {
    const found = known.get(key);
    if (found !== undefined) return found;
    if (known.size >= MAX_POINTS) known.clear();
    const fresh = make();
    known.set(key, fresh);
    return fresh;
  };
  const hash = (role: string, ...fields: readonly Uint8Array[]): G1 =>
    engine.g1.hash(transcript("MILAGRO-V1-ABE-POINT", scope, utf8(role), ...fields), TAG);
  const base = hash("base");
  const negation: AbePoints["negation"] = (label) => ({
    h0: remember(`0${label}`, () => hash("negation-0", utf8(label))),
    h1: remember(`1${label}`, () => hash("negation-1", utf8(label))),
  });
  const make = (component: Component): G1 => {
    const label = utf8(component.label);
    if (component.kind === "equal") return hash("equal", label, utf8(component.value));
    if (component.kind === "prefix") {
      const { type, length, bits } = component;
      const kind = concat(u8(type.kind === "date" ? 3 : 2), u8(widthOf(type)));
      return hash("prefix", label, kind, concat(u8(length), u32(bits)));
    }
    const { h0, h1 } = negation(component.label);
    const x = valueScalar(engine, component.label, component.value);
    return engine.g1.add(engine.g1.multiplyPublic(h0, x), h1);
  };
  return {
    base,
    baseTable: engine.g1.fixedBase(base),
    of: (component) => remember(componentKey(component), () => make(component)),
    negation,
  };
}

/** x of a value of a negatable label. Public. */
export function valueScalar(engine: Engine, label: string, value: string): Scalar {
  return hashToScalar(engine, "MILAGRO-V1-ABE-VALUE", utf8(label), utf8(value));
}

/** T = e(g1, P), of which every encapsulation is a power. */
export function targetOf(engine: Engine, publicKey: DomainPublicKey<AbeScheme>): Gt {
  const known = targets.get(engine) ?? new WeakMap<DomainPublicKey<AbeScheme>, Gt>();
  targets.set(engine, known);
  const target = known.get(publicKey) ?? engine.pair(engine.g1.generator, preparedLines(engine, publicKey.g2));
  known.set(publicKey, target);
  return target;
}
