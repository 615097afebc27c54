import type { Epoch } from "@milagro/crypto/epoch";
import { signAs } from "@milagro/crypto/ibs";
import { parseIdentity } from "@milagro/crypto/identity";
import type { CredentialClaim, VerifyingKeys } from "@milagro/protocol/channel-credential";
import { expect, test } from "vitest";
import { alice, bob, bytes, engine, enrol, epoch, makeDomain, random } from "../../core/crypto/test/fixtures.ts";
import { verifyClaims } from "../src/channel/verify-tasks.ts";

const made = makeDomain();
const domain: VerifyingKeys = { domainId: made.domainId, publicKey: made.publicKey, authorities: [] };
const signer = enrol(made, "sig", alice);
const message = bytes("a channel");
const signature = signAs(engine, random, signer.key, made.publicKey, signer.input, message);
const claim = (identity = alice, at: Epoch = epoch, evidence: Uint8Array = signature): CredentialClaim => ({
  credential: { kind: "identity", identity, epoch: at },
  message,
  signature: evidence,
});
const verdicts = (...claims: readonly CredentialClaim[]): boolean[] => verifyClaims(engine, random, domain, claims);

test("a peer that is remembered is judged as the first time: by identity, epoch and signature", () => {
  const later = (epoch + 1) as Epoch;
  for (let i = 0; i < 5; i++) expect(verdicts(claim())).toEqual([true]);
  expect(verdicts(claim(), claim(bob), claim(), claim(alice, later))).toEqual([true, false, true, false]);
});

test("so is one that others have pushed out meanwhile", () => {
  const strangers = Array.from({ length: 300 }, (_, i) =>
    claim(parseIdentity(`milagro:example.org/service/stranger-${i}`), epoch, new Uint8Array(95)),
  );
  expect(verdicts(...strangers, claim())).toEqual([...strangers.map(() => false), true]);
  expect(verdicts(claim(bob), claim())).toEqual([false, true]);
});
