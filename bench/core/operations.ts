/**
 * What the protocol does with keys, each beside the very same engine operations called bare (`engine`: what is more is
 * the protocol's own) and beside `@noble/curves` used directly. Every call gets a fresh identity, so that no memory of an
 * earlier hash helps, except where the identity is the caller's own.
 * @module
 */
import { decapsulate, encapsulate } from "@milagro/crypto/ibe";
import { signAs, verifySignature, verifySignatures } from "@milagro/crypto/ibs";
import type { IdentityInput } from "@milagro/crypto/identity-input";
import {
  combineIdentityKeyShares,
  encodeIdentityKeyShare,
  type IdentityKey,
  issueIdentityKeyShare,
  parseIdentityKeyShare,
  verifyIdentityKeyShare,
  verifyIdentityKeys,
} from "@milagro/crypto/identity-key";
import { combinePublicShares, type DomainPublicKey, derivePublicShare } from "@milagro/crypto/master-public";
import { generateMasterSecretShare, type MasterSecretShare } from "@milagro/crypto/master-secret";
import type { IdentityUsage } from "@milagro/crypto/usage";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import type { Reporter } from "../harness/reporter.ts";
import { bareOperations } from "./bare-operations.ts";
import { BATCH, freshInput } from "./inputs.ts";
import { nobleOperations } from "./noble-operations.ts";

/** A domain of n authorities in this process. */
export interface LocalDomain {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly masters: readonly MasterSecretShare<"id">[];
  readonly publicKey: DomainPublicKey<"id">;
}

/** Domains of so many authorities: decapsulation must cost the same in all. */
const SIZES = [1, 3, 7] as const;

export function localDomain(engine: Engine, random: RandomBytes, size: number): LocalDomain {
  const masters = Array.from({ length: size }, () => generateMasterSecretShare(engine, "id"));
  const publicKey = combinePublicShares(
    engine,
    masters.map((share) => derivePublicShare(engine, share)),
  );
  return { engine, random, masters, publicKey };
}

/** The same bytes as a new object, which is how an input arrives from outside. */
const again = (input: IdentityInput): IdentityInput => input.slice() as IdentityInput;

export function keyOf<U extends IdentityUsage>(domain: LocalDomain, input: IdentityInput, usage: U): IdentityKey<U> {
  const shares = domain.masters.map((master) => issueIdentityKeyShare(domain.engine, master, input, usage));
  return combineIdentityKeyShares(domain.engine, shares);
}

export async function compareOperations(report: Reporter, engine: Engine, random: RandomBytes): Promise<void> {
  const domain = localDomain(engine, random, 3);
  const { publicKey } = domain;
  const [master] = domain.masters as [MasterSecretShare<"id">];
  const publicShare = derivePublicShare(engine, master);
  const message = random(32);
  const peers = await Promise.all([bareOperations(engine, random), nobleOperations()]);
  const compare = (name: string, ours: () => unknown): Promise<void> => {
    const [bare, noble] = peers.map((peer) => peer[name]);
    return report.compare(name, ours, {
      ...(bare ? { engine: bare } : {}),
      ...(noble ? { "@noble/curves": noble } : {}),
    });
  };

  await compare("issue a share", () => {
    const share = issueIdentityKeyShare(engine, master, freshInput("enc"), "enc");
    return encodeIdentityKeyShare(engine, share);
  });

  const enc = freshInput("enc");
  const share = issueIdentityKeyShare(engine, master, enc, "enc");
  const key = keyOf(domain, enc, "enc");
  await compare("verify a share", () => verifyIdentityKeyShare(engine, publicShare, again(enc), share));
  await compare("verify the sum", () => verifyIdentityKeys(engine, random, publicKey, [{ input: again(enc), key }]));
  const encoded = domain.masters.map((each) =>
    encodeIdentityKeyShare(engine, issueIdentityKeyShare(engine, each, enc, "enc")),
  );
  await compare("combine 3 shares", () =>
    combineIdentityKeyShares(
      engine,
      encoded.map((bytes) => parseIdentityKeyShare(engine, "enc", bytes)),
    ),
  );
  await compare("encapsulate", () => encapsulate(engine, random, publicKey, [freshInput("enc")], message));
  for (const size of SIZES) {
    const other = size === 3 ? domain : localDomain(engine, random, size);
    const own = keyOf(other, enc, "enc");
    const { ciphertext } = encapsulate(engine, random, other.publicKey, [enc], message);
    await compare(`decapsulate, ${size} D-TA${size === 1 ? "" : "s"}`, () =>
      decapsulate(engine, own, other.publicKey, [again(enc)], 0, ciphertext, message),
    );
  }

  const sig = freshInput("sig");
  const signer = keyOf(domain, sig, "sig");
  const signature = signAs(engine, random, signer, publicKey, sig, message);
  await compare("sign", () => signAs(engine, random, signer, publicKey, sig, message));
  await compare("verify a signature", () => verifySignature(engine, publicKey, again(sig), message, signature));
  const claims = Array.from({ length: BATCH }, () => {
    const input = freshInput("sig");
    return {
      input,
      message,
      signature: signAs(engine, random, keyOf(domain, input, "sig"), publicKey, input, message),
    };
  });
  await compare(`verify ${BATCH} signatures`, () =>
    verifySignatures(
      engine,
      random,
      publicKey,
      claims.map((claim) => ({ ...claim, input: again(claim.input) })),
    ),
  );
}
