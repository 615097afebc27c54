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
  type HandedSession,
  offerFull,
  type SessionKey,
  takeOverFull,
} from "@milagro/crypto/mpin-full";
import { type MpinIdentity, splitMpinInput } from "@milagro/crypto/mpin-identity";
import type { LoginSubject } from "@milagro/crypto/mpin-login";
import type { MpinServerSecret } from "@milagro/crypto/mpin-server-key";
import type { MpinToken, Unlock } from "@milagro/crypto/mpin-token";
import { Secret } from "@milagro/crypto/secret";
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
  /** Does `checkMpinAnswer` elsewhere, where pairings hold nobody up. Default: here. */
  readonly check?: ((check: MpinCheck) => Promise<MpinChecked>) | undefined;
  /** How the attempt ended. */
  outcome(identity: MpinIdentity, accepted: boolean): void | Promise<void>;
}

/** One answer and all that it is checked with but the server secret; plain values. `session.w` is secret. */
export interface MpinCheck {
  readonly session: HandedSession;
  readonly context: FullContext;
  /** U and R, 48 bytes each. */
  readonly first: { readonly u: Uint8Array; readonly r: Uint8Array };
  readonly answer: FullAnswer;
}
/** Key and confirmation, 32 bytes each, or undefined: wrong PIN, wrong anything. The key is the caller's to wipe. */
export type MpinChecked = { readonly key: Uint8Array; readonly confirmation: Uint8Array } | undefined;

/** What a responder's `check` comes to, wherever it runs. */
export function checkMpinAnswer(engine: Engine, serverSecret: MpinServerSecret, check: MpinCheck): MpinChecked {
  const accepted = takeOverFull(engine, check.session).accept(serverSecret, check.context, check.first, check.answer);
  if (!accepted) return undefined;
  const key = accepted.key.use((bytes) => bytes.slice());
  accepted.key.destroy();
  return { key, confirmation: accepted.confirmation };
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

type Accepted = { readonly key: SessionKey; readonly confirmation: Uint8Array } | undefined;

/** The server's side of one attempt. */
export interface MpinAttempt {
  readonly identity: MpinIdentity;
  readonly session: FullSession;
  accept(answer: FullAnswer): Accepted | Promise<Accepted>;
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
  return {
    identity,
    session,
    async accept(answer) {
      if (!port.check) return session.accept(port.serverSecret, context, first, answer);
      const handed = session.handOver();
      try {
        const checked = await port.check({ session: handed, context, first, answer });
        return checked && { key: new Secret("session key", checked.key), confirmation: checked.confirmation };
      } finally {
        handed.w.fill(0);
      }
    },
  };
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
