/**
 * A person as initiator: M-Pin Full inside the agreement, so that the network sees neither who logs in nor anything to test PINs with.
 *
 *   context = { session: th before the proof, origin: "milagro-channel:1", client: "channel", payload: none, server: the responder's identity }
 *   proof evidence = U ‖ R     mpin-offer = nonce (32) ‖ W (48)     mpin-answer = V (48) ‖ confirmation (32)     mpin-confirmation = 32 bytes
 *
 * The key of M-Pin Full is mixed into the key schedule: the PSK depends on both agreements.
 * @module
 */
import { ByteReader } from "@milagro/crypto/bytes";
import { type Epoch, NO_EXPIRY } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import { parseIdentityInput } from "@milagro/crypto/identity-input";
import {
  beginFull,
  type FullAnswer,
  type FullAttempt,
  type FullContext,
  type FullOffer,
  type FullSession,
  offerFull,
  type SessionKey,
} from "@milagro/crypto/mpin-full";
import { type MpinIdentity, splitMpinInput } from "@milagro/crypto/mpin-identity";
import type { LoginSubject } from "@milagro/crypto/mpin-login";
import type { MpinServerSecret } from "@milagro/crypto/mpin-server-key";
import type { MpinToken, Unlock } from "@milagro/crypto/mpin-token";
import type { TimePermit } from "@milagro/crypto/time-permit";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { Credential } from "./channel-credential.ts";
import type { ErrorCode } from "./error-codes.ts";

type MpinCredential = Extract<Credential, { readonly kind: "mpin" }>;

/** A person's side. */
export interface MpinInitiator {
  readonly credential: MpinCredential;
  begin(session: Uint8Array, server: Identity): FullAttempt;
  /** Asked for when the server has been verified, and not before. */
  unlock(): Unlock | Promise<Unlock>;
}

/** How a server deals with persons. */
export interface MpinResponder {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly serverSecret: MpinServerSecret;
  /** Counted before anything is computed: undefined lets the attempt happen. */
  attempt(identity: MpinIdentity): ErrorCode | undefined | Promise<ErrorCode | undefined>;
  /** Whom the server knows by this name: of a DVS user the pinned input. For somebody unknown a plain input, who then fails as with a wrong PIN. */
  subject(identity: MpinIdentity, permitEpoch: Epoch): LoginSubject | Promise<LoginSubject>;
  /** How the attempt ended. */
  outcome(identity: MpinIdentity, accepted: boolean): void | Promise<void>;
}

const fullContext = (session: Uint8Array, server: Identity): FullContext => ({
  session,
  origin: "milagro-channel:1",
  client: "channel",
  payloadHash: new Uint8Array(0),
  server,
});

/** @param options.unlock - the PIN, asked for once for each agreement; it is destroyed by its use */
export function mpinInitiator(
  engine: Engine,
  random: RandomBytes,
  options: {
    readonly token: MpinToken;
    readonly permit: TimePermit | undefined;
    unlock(): Unlock | Promise<Unlock>;
  },
): MpinInitiator {
  const { token, permit, unlock } = options;
  const { identity } = splitMpinInput(token.input);
  const permitEpoch = permit ? parseIdentityInput(permit.input).epoch : NO_EXPIRY;
  return {
    credential: { kind: "mpin", identity, permitEpoch },
    begin: (session, server) => beginFull(engine, random, token, permit, fullContext(session, server)),
    unlock,
  };
}

/** The server's side of one attempt. */
export interface MpinAttempt {
  readonly identity: MpinIdentity;
  readonly session: FullSession;
  accept(answer: FullAnswer): { readonly key: SessionKey; readonly confirmation: Uint8Array } | undefined;
}

/** @param evidence - U ‖ R, 96 bytes */
export async function beginMpinAttempt(
  port: MpinResponder,
  credential: MpinCredential,
  evidence: Uint8Array,
  hash: Uint8Array,
  server: Identity,
): Promise<MpinAttempt> {
  const { identity, permitEpoch } = credential;
  const refused = await port.attempt(identity);
  if (refused !== undefined) throw new MilagroError(refused, "no attempt is looked at now");
  const session = offerFull(port.engine, port.random, await port.subject(identity, permitEpoch));
  const first = { u: evidence.slice(0, 48), r: evidence.slice(48) };
  const context = fullContext(hash, server);
  return { identity, session, accept: (answer) => session.accept(port.serverSecret, context, first, answer) };
}

/** @throws `ERR_CHANNEL_MESSAGE` */
export function readMpinOffer(plaintext: Uint8Array): FullOffer {
  const reader = new ByteReader(plaintext, "ERR_CHANNEL_MESSAGE");
  const offer = { nonce: reader.take(32), w: reader.take(48) };
  reader.end();
  return offer;
}

/** @throws `ERR_CHANNEL_MESSAGE` */
export function readMpinAnswer(plaintext: Uint8Array): FullAnswer {
  const reader = new ByteReader(plaintext, "ERR_CHANNEL_MESSAGE");
  const answer = { v: reader.take(48), confirmation: reader.take(32) };
  reader.end();
  return answer;
}
