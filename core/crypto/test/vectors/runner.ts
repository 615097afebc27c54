/**
 * Runs one case of `vectors/milagro`: the language-neutral input in, the language-neutral output or an error code back.
 * A second implementation writes this file anew and takes the JSON as it is. All bytes are lower-case hexadecimal.
 * @module
 */
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { sha256 } from "@noble/hashes/sha2.js";
import { signStatement, verifyStatement } from "../../src/bls.ts";
import { concat, encodeHex, parseHex, utf8 } from "../../src/bytes.ts";
import { parseDomainId } from "../../src/domain-id.ts";
import { encodeEnvelope, openEnvelope, parseEnvelope, sealEnvelope } from "../../src/envelope.ts";
import { parseEpoch } from "../../src/epoch.ts";
import { MilagroError } from "../../src/error.ts";
import { openFile, sealFile } from "../../src/file-envelope.ts";
import { decapsulate, encapsulate, parseIbeCiphertext } from "../../src/ibe.ts";
import { signAs, verifySignature, verifySignatures } from "../../src/ibs.ts";
import { matchesIdentity, parseIdentity, parseIdentityPattern, splitIdentity } from "../../src/identity.ts";
import {
  hashIdentity1,
  hashIdentity2,
  type IdentityInput,
  identityInput,
  parseIdentityInput,
} from "../../src/identity-input.ts";
import {
  combineIdentityKeyShares,
  encodeIdentityKey,
  encodeIdentityKeyShare,
  issueIdentityKeyShare,
  parseIdentityKey,
  parseIdentityKeyShare,
  verifyIdentityKeyShare,
  verifyIdentityKeys,
} from "../../src/identity-key.ts";
import {
  combinePublicShares,
  type DomainPublicKey,
  derivePublicShare,
  encodeDomainPublicKey,
  encodePublicShare,
  parseDomainPublicKey,
  parsePublicShare,
  type SummedScheme,
} from "../../src/master-public.ts";
import { parseMasterSecretShare, type Scheme } from "../../src/master-secret.ts";
import { provePossession, publicCommitment, verifyPossession } from "../../src/proof-of-possession.ts";
import type { Recipient } from "../../src/recipients.ts";
import { signcrypt, unsigncrypt } from "../../src/signcryption.ts";
import { agreeKey } from "../../src/sok.ts";
import { type IdentityUsage, parseIdentityUsage, parseUsage } from "../../src/usage.ts";
import { ABE_OPERATIONS } from "./runner-abe.ts";
import { MPIN_OPERATIONS } from "./runner-mpin.ts";
import { MPIN_UPDATE_OPERATIONS } from "./runner-mpin-update.ts";

export type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };
export type Fields = { readonly [key: string]: Json };

/** One case: `operation` says which function of the runner it is for. */
export interface VectorCase {
  readonly name: string;
  readonly operation: string;
  readonly input: Fields;
  readonly expect: string;
  readonly output?: Fields;
}

export interface VectorFile {
  readonly scheme: string;
  readonly source: string;
  readonly cases: readonly VectorCase[];
}

const publicKeys = new Map<string, DomainPublicKey<"id">>();
const inputs = new Map<string, IdentityInput>();

/** One object per input, because its points are remembered per object. */
function intern(text: string): IdentityInput {
  const known = inputs.get(text) ?? (parseHex(text) as IdentityInput);
  inputs.set(text, known);
  return known;
}

/** Reads fields of the expected kind. */
export class Input {
  readonly #fields: Fields;
  constructor(fields: Fields) {
    this.#fields = fields;
  }
  text(name: string): string {
    return this.#fields[name] as string;
  }
  has(name: string): boolean {
    return name in this.#fields;
  }
  number(name: string): number {
    return this.#fields[name] as number;
  }
  bytes(name: string): Uint8Array {
    return parseHex(this.text(name));
  }
  json(name: string): Json {
    return this.#fields[name] as Json;
  }
  list(name: string): Input[] {
    return (this.#fields[name] as readonly Fields[]).map((fields) => new Input(fields));
  }
  bytesList(name: string): Uint8Array[] {
    return (this.#fields[name] as readonly string[]).map(parseHex);
  }
  usage(name: string): IdentityUsage {
    return parseIdentityUsage(this.text(name));
  }
  identityInput(name: string): IdentityInput {
    const input = intern(this.text(name));
    parseIdentityInput(input);
    return input;
  }
  identityInputs(name: string): IdentityInput[] {
    return (this.#fields[name] as readonly string[]).map(intern);
  }
  recipients(name: string): Recipient[] {
    return this.list(name).map((entry) => entry.recipient());
  }
  recipient(): Recipient {
    return { identity: parseIdentity(this.text("identity")), epoch: parseEpoch(this.number("epoch")) };
  }
  publicKey(engine: Engine): DomainPublicKey<"id"> {
    // Parsing checks the halves with a pairing product; the cases of a file share one key.
    const text = this.text("publicKey");
    const known = publicKeys.get(text) ?? parseDomainPublicKey(engine, "id", this.bytes("publicKey"));
    publicKeys.set(text, known);
    return known;
  }
  /** The bytes that the operation draws, in order; drawing more is an error. */
  random(): RandomBytes {
    const all = this.bytes("random");
    let at = 0;
    return (length) => {
      if (at + length > all.length) throw new Error("the case gives too little randomness");
      at += length;
      return all.slice(at - length, at);
    };
  }
}

function require(holds: boolean, code: string): void {
  if (!holds) throw new MilagroError(code, "does not hold");
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return concat(...parts);
}

export type Operation = (engine: Engine, i: Input) => Fields | Promise<Fields>;

const possession = (i: Input) => ({
  domain: i.text("domain"),
  index: i.number("index"),
  count: i.number("count"),
  ceremonyId: i.bytes("ceremonyId"),
});

const OPERATIONS: Readonly<Record<string, Operation>> = {
  "parse-identity": (_engine, i) => {
    const identity = parseIdentity(i.text("text"));
    return { ...splitIdentity(identity), utf8: encodeHex(utf8(identity)) };
  },
  "match-pattern": (_engine, i) => ({
    matches: matchesIdentity(parseIdentityPattern(i.text("pattern")), parseIdentity(i.text("identity"))),
  }),
  "identity-input": (engine, i) => {
    const domainId = parseDomainId(i.bytes("domainId"));
    const { identity, epoch } = i.recipient();
    const input = identityInput(domainId, parseUsage(i.text("usage")), identity, epoch);
    return {
      input: encodeHex(input),
      h1: encodeHex(engine.g1.encode(hashIdentity1(engine, input))),
      h2: encodeHex(engine.g2.encode(hashIdentity2(engine, input))),
    };
  },
  "parse-identity-input": (_engine, i) => {
    const { domainId, usage, identity, epoch } = parseIdentityInput(i.bytes("bytes"));
    return { domainId: encodeHex(domainId), usage, identity, epoch };
  },
  "public-share": (engine, i) => {
    const share = parseMasterSecretShare(engine, i.text("scheme") as Scheme, i.bytes("secret"));
    return { publicShare: encodeHex(encodePublicShare(engine, derivePublicShare<Scheme>(engine, share))) };
  },
  "prove-possession": (engine, i) => {
    const share = parseMasterSecretShare(engine, i.text("scheme") as Scheme, i.bytes("secret"));
    const proof = provePossession<Scheme>(engine, share, possession(i));
    const published = derivePublicShare<Scheme>(engine, share);
    return { proof: encodeHex(proof), commitment: encodeHex(publicCommitment(engine, published, proof)) };
  },
  "verify-possession": (engine, i) => {
    const share = parsePublicShare(engine, i.text("scheme") as Scheme, i.bytes("publicShare"));
    require(verifyPossession(engine, share, i.bytes("proof"), possession(i)), "ERR_PUBLIC_KEY_INVALID");
    return {};
  },
  "combine-public-shares": (engine, i) => {
    const scheme = i.text("scheme") as SummedScheme;
    const key = combinePublicShares(
      engine,
      i.bytesList("shares").map((share) => parsePublicShare(engine, scheme, share)),
    );
    return { publicKey: encodeHex(encodeDomainPublicKey(engine, key)), hash: encodeHex(key.hash) };
  },
  issue: (engine, i) => {
    const share = parseMasterSecretShare(engine, "id", i.bytes("secret"));
    const issued = issueIdentityKeyShare(engine, share, i.identityInput("input"), i.usage("usage"));
    return { share: encodeHex(encodeIdentityKeyShare(engine, issued)) };
  },
  "verify-share": (engine, i) => {
    const published = parsePublicShare(engine, "id", i.bytes("publicShare"));
    const share = parseIdentityKeyShare(engine, i.usage("usage"), i.bytes("share"));
    require(verifyIdentityKeyShare(engine, published, i.identityInput("input"), share), "ERR_SHARE_INVALID");
    return {};
  },
  "combine-shares": (engine, i) => {
    const usage = i.usage("usage");
    const shares = i.bytesList("shares").map((share) => parseIdentityKeyShare(engine, usage, share));
    const key = combineIdentityKeyShares(engine, shares);
    const claim = { input: i.identityInput("input"), key };
    const draw: RandomBytes = (length) => engine.scalars.encode(engine.scalars.random()).slice(-length);
    require(verifyIdentityKeys(engine, draw, i.publicKey(engine), [claim]), "ERR_SHARE_INVALID");
    return { key: encodeHex(encodeIdentityKey(engine, key)) };
  },
  "sign-statement": (engine, i) => {
    const share = parseMasterSecretShare(engine, "statement", i.bytes("secret"));
    return { signature: encodeHex(signStatement(engine, share, i.bytes("message"))) };
  },
  "verify-statement": (engine, i) => {
    const key = parsePublicShare(engine, "statement", i.bytes("publicKey"));
    const holds = verifyStatement(engine, key, i.bytes("message"), i.bytes("signature"));
    require(holds, "ERR_SIGNATURE_INVALID");
    return {};
  },
  encapsulate: (engine, i) => {
    const recipients = i.identityInputs("recipients");
    const sent = encapsulate(engine, i.random(), i.publicKey(engine), recipients, i.bytes("context"));
    return { ciphertext: encodeHex(sent.ciphertext), sharedSecret: sent.sharedSecret.use(encodeHex) };
  },
  decapsulate: (engine, i) => {
    const key = parseIdentityKey(engine, "enc", i.bytes("key"));
    const recipients = i.identityInputs("recipients");
    const ciphertext = parseIbeCiphertext(i.bytes("ciphertext"));
    const context = i.bytes("context");
    const secret = decapsulate(engine, key, i.publicKey(engine), recipients, i.number("index"), ciphertext, context);
    return { sharedSecret: secret.use(encodeHex) };
  },
  "seal-envelope": (engine, i) => {
    const envelope = sealEnvelope(engine, i.random(), {
      domainId: parseDomainId(i.bytes("domainId")),
      publicKey: i.publicKey(engine),
      recipients: i.recipients("recipients"),
      context: i.bytes("context"),
      plaintext: i.bytes("plaintext"),
    });
    return { envelope: encodeHex(encodeEnvelope(envelope)) };
  },
  "open-envelope": (engine, i) => {
    const opened = openEnvelope(engine, parseIdentityKey(engine, "enc", i.bytes("key")), {
      domainId: parseDomainId(i.bytes("domainId")),
      publicKey: i.publicKey(engine),
      recipient: i.recipient(),
      context: i.bytes("context"),
      envelope: parseEnvelope(i.bytes("envelope")),
    });
    return { plaintext: opened.use(encodeHex) };
  },
  "seal-file": async (engine, i) => {
    const options = {
      domainId: parseDomainId(i.bytes("domainId")),
      publicKey: i.publicKey(engine),
      recipients: i.recipients("recipients"),
      context: i.bytes("context"),
    };
    // The plaintext is `length` bytes of 0x61.
    const plaintext = new Uint8Array(i.number("length")).fill(0x61);
    const file = await collect(sealFile(engine, i.random(), options, [plaintext]));
    const whole = plaintext.length < 1024 ? { file: encodeHex(file) } : {};
    return { fileLength: file.length, fileSha256: encodeHex(sha256(file)), ...whole };
  },
  "open-file": async (engine, i) => {
    const key = parseIdentityKey(engine, "enc", i.bytes("key"));
    const options = {
      domainId: parseDomainId(i.bytes("domainId")),
      publicKey: i.publicKey(engine),
      selectOpener: () => ({ key, recipient: i.recipient() }),
      context: i.bytes("context"),
    };
    return { plaintext: encodeHex(await collect(openFile(engine, options, [i.bytes("file")]))) };
  },
  sign: (engine, i) => {
    const key = parseIdentityKey(engine, "sig", i.bytes("key"));
    const input = i.identityInput("input");
    return { signature: encodeHex(signAs(engine, i.random(), key, i.publicKey(engine), input, i.bytes("message"))) };
  },
  verify: (engine, i) => {
    const input = intern(i.text("input"));
    const holds = verifySignature(engine, i.publicKey(engine), input, i.bytes("message"), i.bytes("signature"));
    require(holds, "ERR_SIGNATURE_INVALID");
    return {};
  },
  "verify-batch": (engine, i) => {
    const claims = i.list("claims").map((claim) => ({
      input: intern(claim.text("input")),
      message: claim.bytes("message"),
      signature: claim.bytes("signature"),
    }));
    const draw: RandomBytes = (length) => engine.scalars.encode(engine.scalars.random()).slice(-length);
    require(verifySignatures(engine, draw, i.publicKey(engine), claims), "ERR_SIGNATURE_INVALID");
    return {};
  },
  signcrypt: (engine, i) => {
    const sealed = signcrypt(engine, i.random(), parseIdentityKey(engine, "sig", i.bytes("key")), {
      publicKey: i.publicKey(engine),
      sender: i.identityInput("sender"),
      recipient: i.identityInput("recipient"),
      context: i.bytes("context"),
      message: i.bytes("message"),
    });
    return { signcrypted: encodeHex(sealed) };
  },
  unsigncrypt: (engine, i) => {
    const opened = unsigncrypt(engine, parseIdentityKey(engine, "enc", i.bytes("key")), {
      publicKey: i.publicKey(engine),
      recipient: i.identityInput("recipient"),
      context: i.bytes("context"),
      signcrypted: i.bytes("signcrypted"),
    });
    return { sender: opened.sender.identity, epoch: opened.sender.epoch, message: opened.message.use(encodeHex) };
  },
  "agree-key": (engine, i) => {
    const agreed = agreeKey(engine, parseIdentityKey(engine, "kex", i.bytes("key")), {
      publicKey: i.publicKey(engine),
      own: i.identityInput("own"),
      peer: i.identityInput("peer"),
      context: i.bytes("context"),
    });
    return { key: agreed.use(encodeHex) };
  },
  ...MPIN_OPERATIONS,
  ...MPIN_UPDATE_OPERATIONS,
  ...ABE_OPERATIONS,
};

/** The names of all operations. */
export const OPERATION_NAMES: readonly string[] = Object.keys(OPERATIONS);

/** `ok` with the output, or the code of the error. Errors that have no code are bugs and pass through. */
export async function runCase(
  engine: Engine,
  operation: string,
  input: Fields,
): Promise<{ readonly expect: string; readonly output?: Fields }> {
  const run = OPERATIONS[operation];
  if (!run) throw new Error(`no operation ${operation}`);
  try {
    return { expect: "ok", output: await run(engine, new Input(input)) };
  } catch (error) {
    if (error instanceof MilagroError) return { expect: error.code };
    throw error;
  }
}
