/**
 * Non-interactive key agreement between two identities of a domain: Sakai–Ohgishi–Kasahara on a type-3 pairing.
 *
 *   A < B, the two ID* in byte order;   K = e(d_A, H2(B)) = e(H1(A), D_B) = e(H1(A), H2(B))^s
 *   key = HKDF-SHA-256(K (576 bytes), "", transcript("MILAGRO-V1-SOK", H(P), A, B, context), 32)
 *
 * Source: Sakai, Ohgishi, Kasahara (SCIS 2000); Paterson, Srinivasan (Designs, Codes and Cryptography 2009).
 * Security: no forward secrecy, and all D-TAs together can compute it. An input to a key schedule (PSK), never a session key.
 * @module
 */
import type { Engine } from "@milagro/engine/engine";
import { equalBytes, wipe } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { hashIdentity1, hashIdentity2, type IdentityInput } from "./identity-input.ts";
import { type IdentityKey, isInputFor } from "./identity-key.ts";
import { deriveKey } from "./kdf.ts";
import type { DomainPublicKey } from "./master-public.ts";
import { Secret } from "./secret.ts";

/**
 * The key that both sides get without a message between them.
 * @param options.own - the input the key was issued for, of usage `kex`
 * @param options.peer - the other side's, of usage `kex`; its epoch may differ
 * @throws `ERR_PEER_INVALID` for a peer of another domain or usage, and for oneself
 */
export function agreeKey(
  engine: Engine,
  key: IdentityKey<"kex">,
  options: {
    readonly publicKey: DomainPublicKey<"id">;
    readonly own: IdentityInput;
    readonly peer: IdentityInput;
    readonly context: Uint8Array;
  },
): Secret<"agreed key"> {
  const { own, peer, publicKey, context } = options;
  if (!isInputFor(own, "kex")) throw new TypeError("the identity input is for another usage");
  const sameDomain = equalBytes(own.subarray(0, 33), peer.subarray(0, 33));
  const order = compareBytes(own, peer);
  if (!sameDomain || order === 0 || !isInputFor(peer, "kex")) {
    throw new MilagroError("ERR_PEER_INVALID", "agree with another identity of the same domain, usage kex");
  }
  const gt = key.use(({ g1, g2 }) => {
    if (!g2) throw new TypeError("a kex key has a point in G2");
    return order < 0 ? engine.pair(g1, hashIdentity2(engine, peer)) : engine.pair(hashIdentity1(engine, peer), g2);
  });
  const bytes = engine.gt.encode(gt);
  const [first, second] = order < 0 ? [own, peer] : [peer, own];
  const agreed = deriveKey(bytes, "MILAGRO-V1-SOK", publicKey.hash, first, second, context);
  wipe(bytes);
  engine.zeroise(gt);
  return new Secret("agreed key", agreed);
}

/** Negative, 0 or positive; public values only. A proper prefix comes first. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const differing = a.findIndex((byte, i) => byte !== b[i]);
  if (differing < 0) return a.length - b.length;
  const other = b[differing];
  return other === undefined ? 1 : (a[differing] as number) - other;
}
