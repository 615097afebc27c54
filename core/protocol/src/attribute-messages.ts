/**
 * What attribute keys add to the messages of issuance: the key that is asked for, the approval that answers the first round, and the
 * share of the second. What they mean is in `attribute-issuance.ts`.
 * @module
 */
import { Type } from "typebox";
import {
  AuthorityIndex,
  bytes,
  bytesBetween,
  Counter,
  EpochNumber,
  encoderOf,
  Hash,
  MAX_AUTHORITIES,
  type Parsed,
  strict,
  UnixSeconds,
  Version,
} from "./wire.ts";

/** The most attribute keys of one request. */
export const MAX_ATTRIBUTE_KEYS = 4;
/** The most bytes of an encoded entitlement. */
export const MAX_ENTITLEMENT_BYTES = 8192;
/** The most points that the keys of one request have together, those in G2 counted twice: what a D-TA computes for one answer. */
export const MAX_ATTRIBUTE_POINTS = 1024;

/** `cp`: attributes; `kp`: a policy. */
export const AttributeUsageName = Type.Enum(["cp", "kp"], {
  description: "cp: a key with attributes; kp: with a policy",
});

/** An attribute key that is asked for. */
export const AttributeKeyRequestSchema = strict({
  usage: AttributeUsageName,
  epoch: EpochNumber,
  entitlement: bytesBetween(1, MAX_ENTITLEMENT_BYTES, "Encoded entitlement"),
});
export type AttributeKeyRequest = Parsed<typeof AttributeKeyRequestSchema>;

/** One D-TA's part of an attribute key, in the clear: only ever inside HPKE. */
export const AttributeShareSchema = strict({
  usage: AttributeUsageName,
  epoch: EpochNumber,
  share: bytesBetween(1, 6 + MAX_ENTITLEMENT_BYTES + 48 * MAX_ATTRIBUTE_POINTS, "Encoded attribute key share"),
});

/** A statement signature over an entitlement. */
const Approval = bytes(48, "Statement signature over the entitlement and the request");

/** For each key of the request the approvals of all D-TAs, in their order. */
export const ApprovalsSchema = Type.Array(Type.Array(Approval, { minItems: 1, maxItems: MAX_AUTHORITIES }), {
  minItems: 1,
  maxItems: MAX_ATTRIBUTE_KEYS,
});
export type Approvals = Parsed<typeof ApprovalsSchema>;

/** The answer to the first round: this D-TA would issue. Nothing in it is secret. */
export const ApprovedAnswerSchema = strict({
  v: Version,
  index: AuthorityIndex,
  requestHash: Hash,
  approvals: Type.Array(Approval, { minItems: 1, maxItems: MAX_ATTRIBUTE_KEYS }),
  policyVersion: Counter,
  time: UnixSeconds,
  logIndex: Counter,
  logHead: Hash,
  signature: bytes(48, "Statement signature"),
});
export type ApprovedAnswer = Parsed<typeof ApprovedAnswerSchema>;
export const encodeApprovedAnswer = encoderOf("approved answer", ApprovedAnswerSchema);
