/**
 * What is stored of an enrolment before anything is sent, so that a crash at any moment costs nothing: the next start goes on with the
 * same request, which spends no evidence twice.
 *
 *   key          "enrolment:" identity
 *   asking       0x01 ‖ z (32) ‖ u32 length ‖ request key and claim (`exportMpinEnrolment`) ‖ JSON
 *   registering  0x02 ‖ u32 length ‖ the account's record, ready to be stored ‖ JSON
 *
 * From the choice of the PIN on, neither the request key nor z alone are needed, and the second form takes the place of the first.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { ByteReader, concat, parseUtf8, u32, utf8, wipe } from "@milagro/crypto/bytes";
import type { MpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import { encodeSignedDescriptor, parseSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { encodeSealedRequest, parseSealedRequest, type SealedRequest } from "@milagro/protocol/issuance-messages";
import { exportMpinEnrolment, type MpinEnrolment, resumeMpinEnrolment } from "@milagro/protocol/mpin-issuance";
import { QUICK_CODE_NONCE } from "@milagro/protocol/quick-code-number";
import { encodeRegistration, parseRegistration, type Registration } from "@milagro/protocol/registration-messages";
import { parseJson } from "@milagro/protocol/wire";
import type { PinPolicy } from "./mpin-pin.ts";
import { getRecord, type MpinClient, putRecord } from "./mpin-ports.ts";
import { optional, readBytes, readInteger, readList, readObject, readOneOf, readText } from "./mpin-read.ts";

/** How far a QuickCode has come on the new device. */
export interface ClaimedQuickCode {
  readonly id: Uint8Array;
  /** What this device has committed to: revealed once the other device's nonce is stored beside it, and not before. */
  readonly nonce: Uint8Array;
  /** Nonce of the other device. The first one stays: two of them would be two chances for whoever stands between. */
  readonly challenge?: Uint8Array | undefined;
  /** Unix seconds. */
  readonly expires: number;
}

/** A login at an OpenID provider that is under way. */
export interface OpenIdLogin {
  /** By which the answer is known. */
  readonly state: string;
  /** Of PKCE. */
  readonly verifier: string;
}

/** Until the PIN is chosen. */
export interface AskingRecord {
  readonly stage: "asking";
  readonly origin: string;
  readonly label: string;
  /** Unix seconds. */
  readonly created: number;
  readonly signed: SignedDescriptor;
  readonly descriptorHash: Uint8Array;
  readonly pinPolicy: PinPolicy;
  /** Those that have been sealed, evidence inside; at most one for each D-TA. */
  readonly requests: readonly SealedRequest[];
  readonly quickCode?: ClaimedQuickCode;
  readonly openId?: OpenIdLogin;
}

/** From then on. */
export interface RegisteringRecord {
  readonly stage: "registering";
  readonly origin: string;
  readonly label: string;
  readonly created: number;
  readonly registration: Registration;
}

/** Secrets of an enrolment that is asking; the owner destroys the private key and wipes z. */
export interface AskingSecrets {
  readonly enrolment: MpinEnrolment;
  readonly z: Uint8Array;
}

export type EnrolmentRecord =
  | { readonly record: AskingRecord; readonly secrets: AskingSecrets }
  | { readonly record: RegisteringRecord; readonly account: Uint8Array };

export const ENROLMENT_PREFIX = "enrolment:";
const ASKING = 0x01;
const REGISTERING = 0x02;
const COMMON = { v: readOneOf(1), origin: readText(512), label: readText(64), created: readInteger };
const readAsking = readObject({
  ...COMMON,
  signed: parseSignedDescriptor,
  descriptorHash: readBytes(32),
  pinPolicy: readObject({ min: readInteger, max: readInteger }),
  requests: readList(32, parseSealedRequest),
  quickCode: optional(
    readObject({
      id: readBytes(32),
      nonce: readBytes(QUICK_CODE_NONCE),
      challenge: optional(readBytes(QUICK_CODE_NONCE)),
      expires: readInteger,
    }),
  ),
  openId: optional(readObject({ state: readText(43), verifier: readText(43) })),
});
const readRegistering = readObject({ ...COMMON, registration: parseRegistration });

const keyOf = (identity: string): string => `${ENROLMENT_PREFIX}${identity}`;

/** Stores an enrolment that is asking. */
export async function storeAsking(client: MpinClient, record: AskingRecord, { enrolment, z }: AskingSecrets) {
  const { stage: _, signed, descriptorHash, requests, quickCode, ...rest } = record;
  const json = {
    v: 1,
    ...rest,
    signed: encodeSignedDescriptor(signed),
    descriptorHash: encodeBase64url(descriptorHash),
    requests: requests.map(encodeSealedRequest),
    ...(quickCode ? { quickCode: spellQuickCode(quickCode) } : {}),
  };
  const exported = exportMpinEnrolment(enrolment);
  const value = exported.use((bytes) =>
    concat(Uint8Array.of(ASKING), z, u32(bytes.length), bytes, utf8(JSON.stringify(json))),
  );
  exported.destroy();
  await putRecord(client, keyOf(enrolment.claim.identity), value);
}

const spellQuickCode = ({ id, nonce, challenge, expires }: ClaimedQuickCode) => ({
  id: encodeBase64url(id),
  nonce: encodeBase64url(nonce),
  ...(challenge ? { challenge: encodeBase64url(challenge) } : {}),
  expires,
});

/** Stores one whose PIN is chosen, in the place of the other. @param account - its record; stays the caller's */
export async function storeRegistering(client: MpinClient, record: RegisteringRecord, account: Uint8Array) {
  const { stage: _, registration, ...rest } = record;
  const json = { v: 1, ...rest, registration: encodeRegistration(registration) };
  const value = concat(Uint8Array.of(REGISTERING), u32(account.length), account, utf8(JSON.stringify(json)));
  await putRecord(client, keyOf(registration.identity), value);
}

/** @throws `ERR_KEYSTORE_CORRUPT`, `ERR_VERSION_UNSUPPORTED` */
export async function loadEnrolment(client: MpinClient, identity: string): Promise<EnrolmentRecord | undefined> {
  const value = await getRecord(client, keyOf(identity));
  if (!value) return undefined;
  try {
    return parseRecord(value, identity);
  } catch (error) {
    if (error instanceof MilagroError && error.code === "ERR_VERSION_UNSUPPORTED") throw error;
    throw new MilagroError("ERR_KEYSTORE_CORRUPT", "the record of an enrolment is damaged");
  } finally {
    wipe(value);
  }
}

export async function dropEnrolment(client: MpinClient, identity: MpinIdentity): Promise<void> {
  await client.storage.delete(keyOf(identity));
}

function parseRecord(value: Uint8Array, identity: string): EnrolmentRecord {
  const reader = new ByteReader(value, "ERR_KEYSTORE_CORRUPT");
  const form = reader.integer(8);
  if (form !== ASKING && form !== REGISTERING)
    throw new MilagroError("ERR_VERSION_UNSUPPORTED", "an enrolment's record of another version");
  const z = form === ASKING ? reader.take(32) : undefined;
  const inner = reader.prefixed(32);
  const json: unknown = parseJson(parseUtf8(reader.take(reader.remaining)));
  if (!z) {
    const { v: _, ...rest } = readRegistering(json);
    checkIdentity(rest.registration.identity, identity);
    return { record: { stage: "registering", ...rest }, account: inner };
  }
  try {
    const enrolment = resumeMpinEnrolment(inner);
    checkIdentity(enrolment.claim.identity, identity);
    const { v: _, ...rest } = readAsking(json);
    return { record: { stage: "asking", ...rest }, secrets: { enrolment, z } };
  } finally {
    wipe(inner);
  }
}

function checkIdentity(own: string, wanted: string): void {
  if (own !== wanted) throw new MilagroError("ERR_KEYSTORE_CORRUPT", "a record of another identity");
}
