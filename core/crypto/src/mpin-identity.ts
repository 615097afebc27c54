/**
 * Who logs in with M-Pin: one user, on one device, at one service. Each device is an identity of its own, so that it has
 * its own PIN and is revoked alone.
 *
 *   identity    = "milagro:" domain "/mpin/" service "/" user "/" device               each one segment of the grammar of identities
 *   plain input = 0x01 ‖ domainId (32) ‖ len8 "mpin" ‖ len16 identity ‖ u64 epoch            (ID* of usage mpin)
 *   DVS input   = 0x02 ‖ domainId (32) ‖ len8 "mpin" ‖ len16 identity ‖ u64 epoch ‖ Pa (96)
 *   permit      = 0x01 ‖ domainId (32) ‖ len8 "permit" ‖ len16 identity ‖ u64 epoch          (ID* of usage permit)
 *   A = hash_to_curve_G1(input, tag ID)         A_T = hash_to_curve_G1(permit, tag PERMIT)
 *
 * Every field is fixed or length-prefixed and the version comes first, so no two of these are equal. Permits have a tag of
 * their own: whoever hands them out, in whatever quantity, never hands out anybody's client secret.
 * @module
 */
import type { Engine, G1, G1Engine, G2 } from "@milagro/engine/engine";
import type { Brand } from "./brand.ts";
import { concat } from "./bytes.ts";
import type { DomainId } from "./domain-id.ts";
import { type Epoch, NO_EXPIRY } from "./epoch.ts";
import { MilagroError } from "./error.ts";
import { hashTag } from "./hash-tag.ts";
import { type Identity, identityOf, parseIdentity, splitIdentity } from "./identity.ts";
import { identityInput, parseIdentityInput } from "./identity-input.ts";
import { decodeOnce2, hashOnce1 } from "./precomputed.ts";

/** An identity of the form in the header comment. */
export type MpinIdentity = Brand<Identity, "MpinIdentity">;
/** A plain or a DVS input. Its points are remembered per object, so make it once, keep it, and never write to it. */
export type MpinInput = Brand<Uint8Array, "MpinInput">;
/** An input that holds the public part of the user's own key (mpin-dvs). */
export type DvsInput = Brand<MpinInput, "DvsInput">;
/** The input of one identity's permit in one epoch. */
export type PermitInput = Brand<Uint8Array, "PermitInput">;
/** Pa = z⁻¹·g2: 96 bytes, a point of the group, neither the identity element nor g2. */
export type DvsPublicKey = Brand<Uint8Array, "DvsPublicKey">;

/** An M-Pin identity in its parts. */
export interface MpinName {
  readonly domain: string;
  /** Where the user logs in, such as `login.example.org`. */
  readonly service: string;
  /** Whom the service knows: a name or an e-mail address. */
  readonly user: string;
  /** Which of the user's devices: random, made at enrolment. */
  readonly device: string;
}

/** What an input says. */
export interface MpinInputParts {
  readonly domainId: DomainId;
  readonly identity: MpinIdentity;
  readonly epoch: Epoch;
  /** There exactly in a DVS input. */
  readonly dvsKey: DvsPublicKey | undefined;
}

const KIND = "mpin";
const DVS_VERSION = 0x02;
const DVS_KEY_LENGTH = 96;

/** @throws `ERR_IDENTITY_INVALID` when a part is not one segment of the grammar */
export function mpinIdentity({ domain, service, user, device }: MpinName): MpinIdentity {
  if ([service, user, device].some((part) => part.includes("/"))) refuse();
  return identityOf({ domain, kind: KIND, name: `${service}/${user}/${device}` }) as MpinIdentity;
}

/** @throws `ERR_IDENTITY_INVALID` */
export function parseMpinIdentity(text: string): MpinIdentity {
  const { kind, name } = splitIdentity(parseIdentity(text));
  if (kind !== KIND || name.split("/").length !== 3) refuse();
  return text as MpinIdentity;
}

/** Takes an identity apart; `mpinIdentity` puts the same one together again. */
export function splitMpinIdentity(identity: MpinIdentity): MpinName {
  const { domain, name } = splitIdentity(identity);
  const [service = "", user = "", device = ""] = name.split("/");
  return { domain, service, user, device };
}

/** The plain input. @param epoch - of the `mpin` master; permits have their own */
export function mpinInput(domainId: DomainId, identity: MpinIdentity, epoch: Epoch): MpinInput {
  return identityInput(domainId, "mpin", identity, epoch) as Uint8Array as MpinInput;
}

/** The input that names the user's own key as well. */
export function dvsInput(domainId: DomainId, identity: MpinIdentity, epoch: Epoch, key: DvsPublicKey): DvsInput {
  const input = concat(identityInput(domainId, "mpin", identity, epoch), key);
  input[0] = DVS_VERSION;
  return input as DvsInput;
}

/** From 96 untrusted bytes. @throws `ERR_PUBLIC_KEY_INVALID` for what is no point of the group, the identity element, and g2 */
export function parseDvsPublicKey(engine: Engine, bytes: Uint8Array): DvsPublicKey {
  let point: G2;
  try {
    if (bytes.length !== DVS_KEY_LENGTH) throw new TypeError("another length");
    point = engine.g2.decode(bytes);
  } catch (cause) {
    throw new MilagroError("ERR_PUBLIC_KEY_INVALID", "a DVS key is a point of G2 in 96 bytes", { cause });
  }
  // Pa = g2 is z = 1: the check of a plain login, and none of the protection.
  if (engine.g2.equals(point, engine.g2.generator)) {
    throw new MilagroError("ERR_PUBLIC_KEY_INVALID", "this DVS key protects nothing");
  }
  return bytes.slice() as DvsPublicKey;
}

/** From untrusted bytes, plain or DVS. @throws `ERR_IDENTITY_INVALID`, `ERR_PUBLIC_KEY_INVALID` */
export function parseMpinInput(engine: Engine, bytes: Uint8Array): MpinInput {
  const input = bytes.slice() as MpinInput;
  const { dvsKey } = splitMpinInput(input);
  if (dvsKey) parseDvsPublicKey(engine, dvsKey);
  return input;
}

/** Takes an input apart. @throws `ERR_IDENTITY_INVALID` */
export function splitMpinInput(input: MpinInput): MpinInputParts {
  const dvs = isDvsInput(input);
  const plain = dvs ? input.slice(0, Math.max(0, input.length - DVS_KEY_LENGTH)) : input;
  if (dvs) plain[0] = 0x01;
  const { domainId, usage, identity, epoch } = parseIdentityInput(plain);
  if (usage !== "mpin") refuse();
  const dvsKey = dvs ? (input.slice(-DVS_KEY_LENGTH) as DvsPublicKey) : undefined;
  return { domainId, identity: parseMpinIdentity(identity), epoch, dvsKey };
}

/** The input of this identity's permit. @throws `ERR_EPOCH_INVALID` for epoch 0: a permit without expiry permits nothing more */
export function permitInput(input: MpinInput, epoch: Epoch): PermitInput {
  if (epoch === NO_EXPIRY) throw new MilagroError("ERR_EPOCH_INVALID", "a time permit is for one epoch");
  const { domainId, identity } = splitMpinInput(input);
  return identityInput(domainId, "permit", identity, epoch) as Uint8Array as PermitInput;
}

/** Whether the input names the user's own key. */
export function isDvsInput(input: MpinInput): input is DvsInput {
  return input[0] === DVS_VERSION;
}

/** A, the identity's point. Public. */
export function hashMpin(engine: G1Engine, input: MpinInput): G1 {
  return hashOnce1(engine, input, hashTag("ID", "G1"));
}

/** A_T, the permit's point. Public. */
export function hashPermit(engine: G1Engine, input: PermitInput): G1 {
  return hashOnce1(engine, input, hashTag("PERMIT", "G1"));
}

/** What `V` is paired with: g2, or the Pa inside a DVS input, so that one can never be checked as the other. */
export function checkingKey(engine: Engine, input: MpinInput): G2 {
  if (!isDvsInput(input)) return engine.g2.generator;
  return decodeOnce2(engine, input, () => input.subarray(-DVS_KEY_LENGTH));
}

function refuse(): never {
  throw new MilagroError("ERR_IDENTITY_INVALID", "write milagro:<domain>/mpin/<service>/<user>/<device>");
}
