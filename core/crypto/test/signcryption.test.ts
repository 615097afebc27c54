import { describe, expect, test } from "vitest";
import { nobleAead } from "../src/aead.ts";
import { concat, lengthPrefixed, transcript } from "../src/bytes.ts";
import { parseEpoch } from "../src/epoch.ts";
import { decapsulate, encapsulate, parseIbeCiphertext } from "../src/ibe.ts";
import { type Signature, signAs, verifySignature } from "../src/ibs.ts";
import { type IdentityInput, identityInput } from "../src/identity-input.ts";
import { deriveKey } from "../src/kdf.ts";
import { type Signcrypted, signcrypt, signcryptionStatement, unsigncrypt } from "../src/signcryption.ts";
import {
  alice,
  bob,
  bytes,
  carol,
  codeOf,
  engine,
  enrol,
  epoch,
  flip,
  makeDomain,
  NOTHING,
  random,
} from "./fixtures.ts";

const domain = makeDomain();
const { publicKey } = domain;
const context = bytes("orders");
const message = bytes("pay 100");
const from = enrol(domain, "sig", alice);
const to = enrol(domain, "enc", bob);
const third = enrol(domain, "enc", carol);
const options = { publicKey, sender: from.input, recipient: to.input, context, message };
const sealed = signcrypt(engine, random, from.key, options);
const opening = { publicKey, recipient: to.input, context, signcrypted: sealed as Uint8Array };

test("the receiver learns message and sender", () => {
  const received = unsigncrypt(engine, to.key, opening);
  expect(received.message.use((text) => text.slice())).toEqual(message);
  expect(received.sender).toEqual({ domainId: domain.domainId, usage: "sig", identity: alice, epoch });
  expect(Buffer.from(sealed).includes(Buffer.from(alice))).toBe(false); // the sender is not on the wire
});

test("an empty message is a message", () => {
  const nothing = signcrypt(engine, random, from.key, { ...options, message: NOTHING });
  expect(unsigncrypt(engine, to.key, { ...opening, signcrypted: nothing }).message.use((text) => text.length)).toBe(0);
});

test("the signature convinces a third party, of this message to this receiver only", () => {
  const { signature, ciphertext } = unsigncrypt(engine, to.key, opening);
  const shown = (recipient: IdentityInput, text: Uint8Array): boolean =>
    verifySignature(
      engine,
      publicKey,
      from.input,
      signcryptionStatement(from.input, recipient, ciphertext, context, text),
      signature,
    );
  expect(shown(to.input, message)).toBe(true);
  expect(shown(third.input, message)).toBe(false);
  expect(shown(to.input, bytes("pay 1000"))).toBe(false);
});

/** Puts any inner layer into an encapsulation. */
function wrapIn(
  { ciphertext, sharedSecret }: ReturnType<typeof encapsulate>,
  sender: Uint8Array,
  signature: Signature,
  text: Uint8Array,
): Signcrypted {
  const head = concat(Uint8Array.of(1), ciphertext);
  return sharedSecret.use((secret) => {
    const commitment = deriveKey(secret, "MILAGRO-V1-SIGNCRYPTION-COMMITMENT", head);
    const inner = concat(lengthPrefixed(16, sender), signature, text);
    const key = deriveKey(secret, "MILAGRO-V1-SIGNCRYPTION-KEY");
    const body = nobleAead.seal(key, new Uint8Array(12), concat(head, commitment), inner);
    return concat(head, commitment, body) as Signcrypted;
  });
}

/** As somebody does who holds a decrypted message. */
function wrap(recipient: IdentityInput, sender: Uint8Array, signature: Signature, text: Uint8Array): Signcrypted {
  const outer = transcript("MILAGRO-V1-SIGNCRYPTION", context);
  return wrapIn(encapsulate(engine, random, publicKey, [recipient], outer), sender, signature, text);
}

describe("forgery by a receiver who holds a genuine message", () => {
  const { signature } = unsigncrypt(engine, to.key, opening);
  const refused = (signcrypted: Uint8Array, holder = third): string =>
    codeOf(() => unsigncrypt(engine, holder.key, { ...opening, recipient: holder.input, signcrypted }));

  test("forwarding: the signed message re-encrypted to carol is not from alice to carol", () => {
    expect(refused(wrap(third.input, from.input, signature, message))).toBe("ERR_UNSIGNCRYPT_FAILED");
  });

  test("forwarding would work if the signature left the receiver and U, V out, so it is the signature that refuses it", () => {
    const naive = signAs(engine, random, from.key, publicKey, from.input, message);
    expect(verifySignature(engine, publicKey, from.input, message, naive)).toBe(true);
    expect(refused(wrap(third.input, from.input, naive, message))).toBe("ERR_UNSIGNCRYPT_FAILED");
  });

  test("the same message sent to oneself again is refused too: U and V are signed", () => {
    expect(refused(wrap(to.input, from.input, signature, message), to)).toBe("ERR_UNSIGNCRYPT_FAILED");
  });

  test("another sender's name in front of it is refused", () => {
    const other = identityInput(domain.domainId, "sig", carol, epoch);
    expect(refused(wrap(to.input, other, signature, message), to)).toBe("ERR_UNSIGNCRYPT_FAILED");
  });

  test("a sender of another domain, of another usage, or outside the grammar is refused", () => {
    const senders = [
      identityInput(makeDomain().domainId, "sig", alice, epoch),
      identityInput(domain.domainId, "enc", alice, epoch),
      NOTHING,
      random(60),
    ];
    for (const sender of senders) {
      expect(refused(wrap(to.input, sender, signature, message), to)).toBe("ERR_UNSIGNCRYPT_FAILED");
    }
  });
});

test("a sender of another domain is refused although its signature is right under the same masters", () => {
  const foreign = enrol({ ...domain, domainId: makeDomain().domainId }, "sig", alice);
  const outer = transcript("MILAGRO-V1-SIGNCRYPTION", context);
  const { ciphertext, sharedSecret } = encapsulate(engine, random, publicKey, [to.input], outer);
  const statement = signcryptionStatement(foreign.input, to.input, ciphertext, context, message);
  const signature = signAs(engine, random, foreign.key, publicKey, foreign.input, statement);
  expect(verifySignature(engine, publicKey, foreign.input, statement, signature)).toBe(true);
  const signcrypted = wrapIn({ ciphertext, sharedSecret }, foreign.input, signature, message);
  expect(codeOf(() => unsigncrypt(engine, to.key, { ...opening, signcrypted }))).toBe("ERR_UNSIGNCRYPT_FAILED");
});

describe("is refused", () => {
  const later = enrol(domain, "enc", bob, parseEpoch(epoch + 1));
  test.each<[string, () => unknown]>([
    ["by another identity", () => unsigncrypt(engine, third.key, opening)],
    [
      "by another identity that says it is bob",
      () => unsigncrypt(engine, third.key, { ...opening, recipient: third.input }),
    ],
    ["with the key of another epoch", () => unsigncrypt(engine, later.key, { ...opening, recipient: later.input })],
    ["under another context", () => unsigncrypt(engine, to.key, { ...opening, context: bytes("order") })],
    ["under another domain key", () => unsigncrypt(engine, to.key, { ...opening, publicKey: makeDomain().publicKey })],
    ...([0, 1, 60, 97, 128, 129, 160, 161, 200, -1] as const).map(
      (at) =>
        [
          `with byte ${at} changed`,
          () => unsigncrypt(engine, to.key, { ...opening, signcrypted: flip(sealed, at) }),
        ] as [string, () => unknown],
    ),
    ...[0, 1, 128, 129, 160, 161, 170, 176, 177, 200].map(
      (length) =>
        [
          `cut to ${length} bytes`,
          () => unsigncrypt(engine, to.key, { ...opening, signcrypted: sealed.subarray(0, length) }),
        ] as [string, () => unknown],
    ),
    [
      "with a byte appended",
      () => unsigncrypt(engine, to.key, { ...opening, signcrypted: concat(sealed, Uint8Array.of(0)) }),
    ],
  ])("%s", (_what, run) => {
    expect(codeOf(run)).toBe("ERR_UNSIGNCRYPT_FAILED");
  });
});

test("its secret is none of an envelope's or the bare encapsulation's", () => {
  const ciphertext = parseIbeCiphertext(sealed.subarray(1, 129));
  const contexts = [
    context,
    transcript("MILAGRO-V1-ENVELOPE", context),
    transcript("MILAGRO-V1-SIGNCRYPTION", context),
  ];
  const secrets = contexts.map((outer) =>
    decapsulate(engine, to.key, publicKey, [to.input], 0, ciphertext, outer).use((key) =>
      Buffer.from(key).toString("hex"),
    ),
  );
  expect(new Set(secrets).size).toBe(3);
});

test("sender and receiver are of one domain", () => {
  const recipient = identityInput(makeDomain().domainId, "enc", bob, epoch);
  expect(() => signcrypt(engine, random, from.key, { ...options, recipient })).toThrow(TypeError);
});
