/**
 * The side that begins an agreement (docs/spec/channel): SIGMA-I, with M-Pin Full inside it where the initiator is a person.
 *
 *   → offer      ← answer{identified R}      → proof{identified I}
 *   a person:    ← mpin-offer{nonce ‖ W}     → mpin-answer{V ‖ confirmation}     ← mpin-confirmation{confirmation}
 *   a grant:     ← grant{u32 lifetime ‖ len8 identity}
 *
 * It reveals itself to nobody but the responder it has verified and decided to talk to.
 * @module
 */
import { ByteReader, concat, parseUtf8 } from "@milagro/crypto/bytes";
import { type HybridOffer, offerHybrid } from "@milagro/crypto/hybrid-agreement";
import type { FullAttempt } from "@milagro/crypto/mpin-full";
import { MilagroError } from "@milagro/engine/error";
import { channelStatement, type EncodedCredential, withEncoding } from "./channel-credential.ts";
import { type ChannelPurpose, encodeOffer, type Frame, parseAnswer, throwRefusal } from "./channel-frame.ts";
import { type MpinInitiator, readMpinOffer } from "./channel-mpin.ts";
import {
  type Agreed,
  admit,
  type ChannelParty,
  type ChannelPorts,
  type ChannelStep,
  disagree,
  type OwnCredential,
  startParty,
} from "./channel-party.ts";

export interface InitiatorOptions {
  readonly ports: ChannelPorts;
  readonly own: OwnCredential | MpinInitiator;
  readonly purpose: ChannelPurpose;
}

type State = "answer" | "mpin-offer" | "mpin-confirmation" | "grant" | "over";

class ChannelInitiator {
  /** The first message. */
  readonly offer: Uint8Array;
  readonly #options: InitiatorOptions;
  readonly #party: ChannelParty;
  readonly #own: EncodedCredential;
  readonly #hybrid: HybridOffer;
  #state: State = "answer";
  #peer: EncodedCredential | undefined;
  #attempt: FullAttempt | undefined;

  constructor(options: InitiatorOptions) {
    const { random, domain } = options.ports;
    this.#options = options;
    this.#party = startParty(options.ports);
    this.#own = withEncoding(options.own.credential);
    const nonce = random(32);
    this.#hybrid = offerHybrid(random, options.ports);
    const { domainId } = domain;
    this.offer = encodeOffer({ purpose: options.purpose, domainId, nonce, share: this.#hybrid.share });
    this.#party.keys.absorb(this.offer);
  }

  /**
   * The next message of the responder. After a throw the agreement is over.
   * @throws `ERR_CHANNEL_AGREEMENT`, `ERR_CHANNEL_MESSAGE`, `ERR_EPOCH_OUT_OF_WINDOW`, what `decide` says, what a refusal says
   */
  async receive(frame: Frame): Promise<ChannelStep> {
    const expected = this.#state;
    this.#state = "over"; // until this message has been dealt with, whatever else comes meanwhile
    try {
      if (frame.type === "refusal") throwRefusal(frame.body);
      if (expected === "over" || frame.type !== expected)
        throw new MilagroError("ERR_CHANNEL_MESSAGE", "a message out of order");
      return await this.#handle(frame);
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  #handle(frame: Frame): Promise<ChannelStep> {
    switch (frame.type) {
      case "answer":
        return this.#onAnswer(frame);
      case "mpin-offer":
        return this.#onMpinOffer(frame);
      case "mpin-confirmation":
        return this.#onMpinConfirmation(frame);
      default:
        return this.#onGrant(frame);
    }
  }

  async #onAnswer(frame: Frame): Promise<ChannelStep> {
    const { ports, own } = this.#options;
    const party = this.#party;
    const { share, head, sealed } = parseAnswer(frame);
    party.keys.absorb(head);
    party.useSecret(this.#hybrid.finish(share));
    const hash = party.keys.hash;
    const peer = party.identified("responder", await party.open("responder", sealed));
    const message = channelStatement("responder", hash, peer);
    await admit(ports, "responder", peer.credential, { message, signature: peer.evidence });
    this.#peer = peer;
    party.keys.absorb(sealed);
    return this.#identify(peer, own);
  }

  async #identify(peer: EncodedCredential, own: OwnCredential | MpinInitiator): Promise<ChannelStep> {
    const hash = this.#party.keys.hash;
    if ("begin" in own) {
      if (peer.credential.kind !== "identity") throw disagree("a person talks to an identity");
      const attempt = own.begin(hash, peer.credential.identity);
      this.#attempt = attempt;
      return {
        send: await this.#send(
          "proof",
          this.#party.identify("initiator", this.#own, concat(attempt.u, attempt.r)),
          "mpin-offer",
        ),
      };
    }
    const message = channelStatement("initiator", hash, this.#own, peer.encoded);
    const evidence = own.credential.kind === "anonymous" ? new Uint8Array(0) : await own.sign(message);
    const send = await this.#send("proof", this.#party.identify("initiator", this.#own, evidence));
    return { send, ...this.#finish() };
  }

  async #onMpinOffer(frame: Frame): Promise<ChannelStep> {
    const { own } = this.#options;
    const offer = readMpinOffer(await this.#open(frame));
    if (!("begin" in own) || !this.#attempt) throw new TypeError("not a person's agreement");
    const { v, confirmation } = this.#attempt.answer(await own.unlock(), offer);
    return { send: await this.#send("mpin-answer", concat(v, confirmation), "mpin-confirmation") };
  }

  async #onMpinConfirmation(frame: Frame): Promise<ChannelStep> {
    const confirmation = await this.#open(frame);
    const key = this.#attempt?.finish(confirmation);
    if (!key) throw disagree("the server has not confirmed the login");
    key.use((bytes) => this.#party.keys.mix(bytes));
    key.destroy();
    return this.#finish();
  }

  async #onGrant(frame: Frame): Promise<ChannelStep> {
    const psk = this.#party.grantedPsk(...this.#names());
    const reader = new ByteReader(await this.#open(frame), "ERR_CHANNEL_MESSAGE");
    const lifetimeSeconds = reader.integer(32);
    const identity = parseUtf8(reader.prefixed(8));
    reader.end();
    const agreed = this.#agreed();
    // An empty one: the responder grants nothing to this peer, and the agreement itself stands.
    if (identity === "") psk.destroy();
    return { agreed: { ...agreed, grant: identity === "" ? undefined : { identity, lifetimeSeconds, psk } } };
  }

  /** Agreed, or waiting for the grant. */
  #finish(): ChannelStep {
    if (this.#options.purpose.grant) {
      this.#state = "grant";
      return {};
    }
    return { agreed: this.#agreed() };
  }

  #agreed(): Agreed {
    const agreed = this.#party.agreed((this.#peer as EncodedCredential).credential, ...this.#names());
    this.destroy();
    return agreed;
  }

  #names(): readonly [Uint8Array, Uint8Array] {
    return [this.#own.encoded, (this.#peer as EncodedCredential).encoded];
  }

  async #open(frame: Frame): Promise<Uint8Array> {
    const plaintext = await this.#party.openFrame("responder", frame);
    this.#party.absorbFrame(frame);
    return plaintext;
  }

  async #send(type: Frame["type"], plaintext: Uint8Array, next: State = "over"): Promise<Uint8Array> {
    const bytes = await this.#party.sealFrame("initiator", type, plaintext);
    this.#state = next;
    return bytes;
  }

  /** Forgets all keys. */
  destroy(): void {
    this.#state = "over";
    this.#hybrid.destroy();
    this.#attempt?.destroy();
    this.#party.destroy();
  }
}

export type { ChannelInitiator };

/** Begins: `offer` is to be sent. */
export function beginAgreement(options: InitiatorOptions): ChannelInitiator {
  return new ChannelInitiator(options);
}
