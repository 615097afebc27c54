/**
 * One agreement between two state machines, with whoever is in between.
 * @module
 */
import { signStatement } from "@milagro/crypto/bls";
import type { Epoch } from "@milagro/crypto/epoch";
import { signAs } from "@milagro/crypto/ibs";
import type { Identity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import type { RandomBytes } from "@milagro/engine";
import { MilagroError } from "@milagro/engine/error";
import { type Credential, verifyCredential } from "../src/channel-credential.ts";
import { type ChannelPurpose, parseFrame } from "../src/channel-frame.ts";
import { beginAgreement, type InitiatorOptions } from "../src/channel-initiator.ts";
import type { Agreed, ChannelPorts, OwnCredential } from "../src/channel-party.ts";
import { answerAgreement, type ResponderOptions } from "../src/channel-responder.ts";
import { ALICE, BOB, EPOCH, engine, type Founded, foundDomain, issueKey, NOW_MS, random } from "./fixture.ts";

export const founded = await foundDomain();

/** An identity as it proves itself. @param claims - whom it says to be, when that is somebody else */
export function identityCredential(
  identity: Identity,
  {
    at = founded,
    epoch = EPOCH,
    claims = identity,
    draw = random,
  }: { at?: Founded; epoch?: Epoch; claims?: Identity; draw?: RandomBytes } = {},
): OwnCredential {
  const key = issueKey(at, identity, "sig", epoch);
  const input = identityInput(at.domain.domainId, "sig", identity, epoch);
  return {
    credential: { kind: "identity", identity: claims, epoch },
    sign: (message) => signAs(engine, draw, key, at.domain.publicKey, input, message),
  };
}

export const authorityCredential = (index = 1): OwnCredential => ({
  credential: { kind: "authority", index },
  sign: (message) =>
    signStatement(engine, (founded.members[0] as Founded["members"][number]).masters.statement, message),
});
export const anonymousCredential: OwnCredential = { credential: { kind: "anonymous" }, sign: () => new Uint8Array(0) };

export const alice = identityCredential(ALICE);
export const bob = identityCredential(BOB);

export const portsOf = (change: Partial<ChannelPorts> = {}): ChannelPorts => ({
  random,
  domain: founded.domain,
  clock: () => NOW_MS,
  verify: (claim) => verifyCredential(engine, founded.domain, claim),
  decide: () => undefined,
  ...change,
});

export interface RunOptions {
  readonly own?: InitiatorOptions["own"];
  readonly peer?: OwnCredential;
  readonly purpose?: ChannelPurpose;
  readonly initiatorPorts?: Partial<ChannelPorts>;
  readonly responderPorts?: Partial<ChannelPorts>;
  readonly responder?: Partial<ResponderOptions>;
  /** Who is in between gets each message in turn, counted from 0, and says what arrives instead. */
  readonly between?: (message: Uint8Array, place: number) => Uint8Array;
}

export interface Outcome {
  readonly initiator: Agreed | undefined;
  readonly responder: Agreed | undefined;
  /** The code of what was thrown, if anything. */
  readonly code: string;
  /** As they were sent. */
  readonly messages: readonly Uint8Array[];
}

export async function run(options: RunOptions = {}): Promise<Outcome> {
  const { own = alice, peer = bob, purpose = { stream: true, grant: false }, between = (message) => message } = options;
  const initiator = beginAgreement({ ports: portsOf(options.initiatorPorts), own, purpose });
  const responder = answerAgreement({ ports: portsOf(options.responderPorts), own: peer, ...options.responder });
  const messages: Uint8Array[] = [];
  const agreed: { initiator?: Agreed; responder?: Agreed } = {};
  let code = "ok";
  try {
    let turn: "initiator" | "responder" = "responder";
    let next: Uint8Array | undefined = initiator.offer;
    while (next) {
      messages.push(next);
      const arriving: Uint8Array[] = splitFrames(between(next, messages.length - 1));
      next = undefined;
      for (const bytes of arriving) {
        const step = await (turn === "initiator" ? initiator : responder).receive(parseFrame(bytes));
        if (step.agreed) agreed[turn] = step.agreed;
        next = step.send;
      }
      turn = turn === "initiator" ? "responder" : "initiator";
    }
  } catch (error) {
    if (!(error instanceof MilagroError)) throw error;
    code = error.code;
  }
  return { initiator: agreed.initiator, responder: agreed.responder, code, messages };
}

/** What a stream gives to its reader: as many frames as the lengths in them say, and the rest as it is. */
function splitFrames(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const length = rest.length < 8 ? rest.length : 8 + (rest[6] as number) * 256 + (rest[7] as number);
    frames.push(rest.slice(0, length));
    rest = rest.slice(length);
  }
  return frames;
}

export const pskOf = (agreed: Agreed | undefined): string | undefined =>
  agreed?.psk.use((bytes) => Buffer.from(bytes).toString("hex"));

export const nameOf = (credential: Credential | undefined): string | undefined =>
  credential && ("identity" in credential ? credential.identity : credential.kind);
