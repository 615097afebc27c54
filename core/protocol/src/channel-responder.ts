/**
 * The side that answers an agreement; `channel-initiator` draws the whole. What is cheap is looked at first: form, version and
 * domain before any key, policy and epoch before any signature.
 * @module
 */
import { concat, equalBytes, lengthPrefixed, u32, utf8 } from "@milagro/crypto/bytes";
import { answerHybrid } from "@milagro/crypto/hybrid-agreement";
import { MilagroError } from "@milagro/engine/error";
import { type Credential, channelStatement, type EncodedCredential, withEncoding } from "./channel-credential.ts";
import { type ChannelPurpose, type Frame, frameHeader, parseOffer } from "./channel-frame.ts";
import { beginMpinAttempt, type MpinAttempt, type MpinResponder, readMpinAnswer } from "./channel-mpin.ts";
import {
  admit,
  type ChannelGrant,
  type ChannelParty,
  type ChannelPorts,
  type ChannelPsk,
  type ChannelStep,
  disagree,
  type OwnCredential,
  startParty,
} from "./channel-party.ts";

export interface ResponderOptions {
  readonly ports: ChannelPorts;
  readonly own: OwnCredential;
  /** Without it persons are refused. */
  readonly mpin?: MpinResponder | undefined;
  /** Names the key for later connections. Undefined: this peer gets none. The key is the callback's to keep or to destroy. */
  grant?(
    peer: Credential,
    psk: ChannelPsk,
  ): Omit<ChannelGrant, "psk"> | undefined | Promise<Omit<ChannelGrant, "psk"> | undefined>;
}

type State = "offer" | "proof" | "mpin-answer" | "over";

class ChannelResponder {
  readonly #options: ResponderOptions;
  readonly #party: ChannelParty;
  readonly #own: EncodedCredential;
  #state: State = "offer";
  #purpose: ChannelPurpose | undefined;
  #peer: EncodedCredential | undefined;
  #attempt: MpinAttempt | undefined;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#party = startParty(options.ports);
    this.#own = withEncoding(options.own.credential);
  }

  /** Whether TLS is to follow on this stream; known after the offer. */
  get purpose(): ChannelPurpose | undefined {
    return this.#purpose;
  }

  /**
   * The next message of the initiator. After a throw the agreement is over.
   * @throws `ERR_CHANNEL_MESSAGE`, `ERR_VERSION_UNSUPPORTED`, `ERR_DOMAIN_MISMATCH`, `ERR_CHANNEL_AGREEMENT`, `ERR_EPOCH_OUT_OF_WINDOW`,
   * what `decide` and the attempt of a person say
   */
  async receive(frame: Frame): Promise<ChannelStep> {
    const expected = this.#state;
    this.#state = "over";
    try {
      if (expected === "over" || frame.type !== expected)
        throw new MilagroError("ERR_CHANNEL_MESSAGE", "a message out of order");
      if (frame.type === "offer") return await this.#onOffer(frame);
      return await (frame.type === "proof" ? this.#onProof(frame) : this.#onMpinAnswer(frame));
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  async #onOffer(frame: Frame): Promise<ChannelStep> {
    const { ports, own } = this.#options;
    const party = this.#party;
    const { purpose, domainId, share } = parseOffer(frame.body);
    if (!equalBytes(domainId, ports.domain.domainId))
      throw new MilagroError("ERR_DOMAIN_MISMATCH", "the peer is of another trust domain");
    this.#purpose = purpose;
    party.absorbFrame(frame);
    const nonce = ports.random(32);
    const answer = answerHybrid(ports.random, share, ports);
    const evidence = own.credential.kind === "authority" ? 48 : 96;
    const sealedLength = 2 + this.#own.encoded.length + 1 + evidence + 32 + 16;
    const head = concat(frameHeader("answer", 32 + answer.share.length + sealedLength), nonce, answer.share);
    party.keys.absorb(head);
    party.useSecret(answer.secret);
    const message = channelStatement("responder", party.keys.hash, this.#own);
    const signature = await own.sign(message);
    const sealed = await party.seal("responder", party.identify("responder", this.#own, signature));
    party.keys.absorb(sealed);
    this.#state = "proof";
    return { send: concat(head, sealed) };
  }

  async #onProof(frame: Frame): Promise<ChannelStep> {
    const { ports, own, mpin } = this.#options;
    const party = this.#party;
    const hash = party.keys.hash;
    const peer = party.identified("initiator", await party.openFrame("initiator", frame));
    const { credential, evidence } = peer;
    if (credential.kind === "mpin") {
      if (!mpin || own.credential.kind !== "identity")
        throw new MilagroError("ERR_CHANNEL_REFUSED", "persons are not let in here");
      await admit(ports, "initiator", credential, undefined);
      this.#attempt = await beginMpinAttempt(mpin, credential, evidence, hash, own.credential.identity);
    } else {
      const message = channelStatement("initiator", hash, peer, this.#own.encoded);
      await admit(ports, "initiator", credential, { message, signature: evidence });
    }
    party.absorbFrame(frame);
    this.#peer = peer;
    if (!this.#attempt) return this.#finish();
    const { nonce, w } = this.#attempt.session.offer;
    const send = await party.sealFrame("responder", "mpin-offer", concat(nonce, w));
    this.#state = "mpin-answer";
    return { send };
  }

  async #onMpinAnswer(frame: Frame): Promise<ChannelStep> {
    const party = this.#party;
    const attempt = this.#attempt as MpinAttempt;
    const answer = readMpinAnswer(await party.openFrame("initiator", frame));
    const accepted = await attempt.accept(answer);
    await this.#options.mpin?.outcome(attempt.identity, accepted !== undefined);
    if (!accepted) throw disagree("the login failed");
    party.absorbFrame(frame);
    const confirmed = await party.sealFrame("responder", "mpin-confirmation", accepted.confirmation);
    accepted.key.use((bytes) => party.keys.mix(bytes));
    accepted.key.destroy();
    return this.#finish(confirmed);
  }

  /** @param before - what is to be sent before anything else */
  async #finish(before?: Uint8Array): Promise<ChannelStep> {
    const { credential, encoded: initiator } = this.#peer as EncodedCredential;
    const responder = this.#own.encoded;
    const granted = this.#purpose?.grant ? await this.#grant(credential, initiator, responder) : undefined;
    const agreed = this.#party.agreed(credential, initiator, responder);
    this.destroy();
    const parts = [before, granted].filter((part) => part !== undefined);
    return { ...(parts.length === 0 ? {} : { send: concat(...parts) }), agreed };
  }

  async #grant(peer: Credential, initiator: Uint8Array, responder: Uint8Array): Promise<Uint8Array> {
    const psk = this.#party.grantedPsk(initiator, responder);
    const granted = await this.#options.grant?.(peer, psk);
    if (!granted) psk.destroy();
    const identity = utf8(granted?.identity ?? "");
    if (identity.includes(0)) throw new TypeError("a PSK identity with NUL");
    const plaintext = concat(u32(granted?.lifetimeSeconds ?? 0), lengthPrefixed(8, identity));
    return this.#party.sealFrame("responder", "grant", plaintext);
  }

  /** Forgets all keys. */
  destroy(): void {
    this.#state = "over";
    this.#attempt?.session.destroy();
    this.#attempt = undefined;
    this.#party.destroy();
  }
}

export type { ChannelResponder };

/** Waits for an offer. */
export function answerAgreement(options: ResponderOptions): ChannelResponder {
  return new ChannelResponder(options);
}
