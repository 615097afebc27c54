/**
 * The domain descriptor: what n D-TAs have agreed on, in a form that all of them sign and every client can check.
 * `domainId = SHA-256(canonical genesis descriptor)`; a later descriptor names the domain and its predecessor's hash.
 * This file says what a descriptor looks like; `trust-domain.ts` decides whether to believe it.
 * @module
 */
import { parseIdentity } from "@milagro/crypto/identity";
import { Type } from "typebox";
import { hashCanonical } from "./canonical.ts";
import { SUITE } from "./versions.ts";
import {
  AuthorityIndex,
  accepts,
  BusUrl,
  bytes,
  Counter,
  DomainIdBytes,
  encoderOf,
  Hash,
  line,
  MAX_AUTHORITIES,
  Ordinal,
  type Parsed,
  parserOf,
  ServiceUrl,
  strict,
  UnixSeconds,
  Version,
  type Wire,
} from "./wire.ts";

/** The domain part of the identities that live in it. */
export const DomainName = Type.Refine(
  Type.String({ minLength: 1, maxLength: 200, pattern: "^[a-z0-9.\\-]+$", description: "Domain name, DNS-like" }),
  (name) => accepts(parseIdentity)(`milagro:${name}/x/x`),
  () => "must be a DNS-like name",
);
/** A D-TA's name inside its domain. */
export const AuthorityName = Type.String({ maxLength: 63, pattern: "^[a-z0-9](?:[a-z0-9\\-]*[a-z0-9])?$" });
/** From a minute to a year. */
export const EpochSeconds = Type.Integer({
  minimum: 60,
  maximum: 31_622_400,
  description: "Length of an epoch in seconds",
});

const G1Bytes = bytes(48, "G1 point");
const G2Bytes = bytes(96, "G2 point");

/** Who a member is, as proposed before any key exists. */
export const MEMBER_PROPERTIES = {
  index: AuthorityIndex,
  name: AuthorityName,
  operator: line(128, "Who runs this D-TA"),
  jurisdiction: line(64, "Under whose law"),
  url: ServiceUrl,
} as const;

/** One D-TA with its public keys. `mpin` has a point in G1 only: a G2 value would let a token thief test PINs offline. */
export const AuthoritySchema = strict({
  ...MEMBER_PROPERTIES,
  hpkeKey: bytes(32, "X25519 public key"),
  statementKey: G2Bytes,
  keys: strict({
    id: strict({ g1: G1Bytes, g2: G2Bytes }),
    mpin: strict({ g1: G1Bytes }),
    cp: strict({ g2: G2Bytes }),
    kp: strict({ g2: G2Bytes }),
  }),
  proofs: strict({
    id: bytes(48, "Proof of possession"),
    mpin: bytes(80, "Proof of possession, Schnorr"),
    cp: bytes(48, "Proof of possession"),
    kp: bytes(48, "Proof of possession"),
    statement: bytes(48, "Proof of possession"),
  }),
});
export type Authority = Parsed<typeof AuthoritySchema>;
export type AuthorityWire = Wire<typeof AuthoritySchema>;

/** Where the domain's D-KMS and its bus are. */
export const KmsLocation = strict({ url: ServiceUrl, busUrl: Type.Optional(BusUrl) });

/** Which `mpin` master the keys of that scheme are of; absent while it is the founding one, whose epoch is 0. */
export const MasterState = strict(
  {
    epoch: Ordinal,
    /** Of the rotation: what the proofs for `mpin` are bound to. */
    ceremonyId: Hash,
    /** Until when tokens of the epoch before can be updated. */
    until: UnixSeconds,
  },
  "Epoch of the mpin master: how often it was rotated",
);

export const DescriptorSchema = strict(
  {
    v: Version,
    name: DomainName,
    suite: Type.Literal(SUITE),
    epochSeconds: EpochSeconds,
    sequence: Counter,
    domainId: Type.Optional(DomainIdBytes),
    previous: Type.Optional(Hash),
    ceremonyId: Hash,
    authorities: Type.Array(AuthoritySchema, { minItems: 1, maxItems: MAX_AUTHORITIES }),
    kms: Type.Optional(KmsLocation),
    mpin: Type.Optional(MasterState),
  },
  "Domain descriptor",
);
export type DomainDescriptor = Parsed<typeof DescriptorSchema>;
export type DomainDescriptorWire = Wire<typeof DescriptorSchema>;

export const SignedDescriptorSchema = strict(
  {
    v: Version,
    descriptor: DescriptorSchema,
    signatures: Type.Array(bytes(48, "Statement signature"), { minItems: 1, maxItems: MAX_AUTHORITIES }),
  },
  "Descriptor with the signature of every authority, in their order",
);
export type SignedDescriptor = Parsed<typeof SignedDescriptorSchema>;
export type SignedDescriptorWire = Wire<typeof SignedDescriptorSchema>;

/** @throws `ERR_MESSAGE_INVALID` */
export const parseDescriptor = parserOf("descriptor", DescriptorSchema);
export const encodeDescriptor = encoderOf("descriptor", DescriptorSchema);
/** @throws `ERR_MESSAGE_INVALID` */
export const parseSignedDescriptor = parserOf("signed descriptor", SignedDescriptorSchema);
export const encodeSignedDescriptor = encoderOf("signed descriptor", SignedDescriptorSchema);

/** SHA-256 of the canonical descriptor; of the genesis descriptor this is the domain id. */
export const hashDescriptor = (descriptor: DomainDescriptor): Uint8Array => hashCanonical(encodeDescriptor(descriptor));

/** How often the `mpin` master of this descriptor was rotated. */
export const masterEpochOf = ({ mpin }: Pick<DomainDescriptor, "mpin">): number => mpin?.epoch ?? 0;
