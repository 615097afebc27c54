/**
 * The server secret of M-Pin: `s·g2`, collected from all D-TAs, with which a server checks logins and nothing else.
 *
 *   share i: sᵢ·g2, sealed to the server        secret: Σ sᵢ·g2        check: e(g1, Σ sᵢ·g2) = e(Σ sᵢ·g1, g2)
 *
 * It cannot log in as anybody, because client secrets lie in G1. But together with a stolen token it tests PINs offline. So it
 * has the type of a secret, and no function here or in master-public makes a public key of it.
 * @module
 */
import type { Engine, G1, G2, PreparedG2 } from "@milagro/engine/engine";
import { MilagroError } from "./error.ts";
import type { DomainPublicKey, PublicShare } from "./master-public.ts";
import type { MasterSecretShare } from "./master-secret.ts";
import { MpinSecret } from "./mpin-secret.ts";
import { baseMultiply2, preparedLines } from "./precomputed.ts";

/** A point and its pairing lines, which `destroy` drops but cannot overwrite. */
interface ServerSecretValue {
  readonly point: G2;
  readonly lines: PreparedG2;
}

/** One D-TA's part of the server secret. */
export type MpinServerSecretShare = MpinSecret<"server secret share", G2, undefined>;
/** The whole server secret. Keep it: its pairing lines are computed once. */
export type MpinServerSecret = MpinSecret<"server secret", ServerSecretValue, undefined>;

/** A D-TA's share. Whether this server may have it has been decided and audited before. */
export function issueServerSecretShare(engine: Engine, master: MasterSecretShare<"mpin">): MpinServerSecretShare {
  return ownShare(
    engine,
    master.use((scalar) => baseMultiply2(engine, scalar)),
  );
}

/** Whether this D-TA's share is right: names the one that lied, after the sum has failed. */
export function verifyServerSecretShare(
  engine: Engine,
  publicShare: PublicShare<"mpin">,
  share: MpinServerSecretShare,
): boolean {
  return share.use((point) => hasSameLog(engine, publicShare.g1, point));
}

/**
 * Adds the shares of all D-TAs. Check the result with `verifyServerSecret` before using it.
 * @throws `ERR_SHARE_INVALID` for no shares and a sum that is the identity element
 */
export function combineServerSecretShares(engine: Engine, shares: readonly MpinServerSecretShare[]): MpinServerSecret {
  const sum = engine.g2.sum(shares.map((share) => share.use((point) => point)));
  if (engine.g2.isIdentity(sum)) throw new MilagroError("ERR_SHARE_INVALID", "the shares add up to nothing");
  return ownSecret(engine, sum);
}

/** Whether the sum is the domain's: one product of two pairings at any number of D-TAs. */
export function verifyServerSecret(
  engine: Engine,
  publicKey: DomainPublicKey<"mpin">,
  secret: MpinServerSecret,
): boolean {
  return secret.use(({ lines }) => hasSameLog(engine, publicKey.g1, lines));
}

/** 96 bytes, for sealing to the server and nothing else. The caller wipes them. */
export function encodeServerSecretShare(engine: Engine, share: MpinServerSecretShare): Uint8Array {
  return share.use((point) => engine.g2.encode(point));
}

/** From opened bytes, which the caller wipes. @throws `ERR_POINT_INVALID` */
export function parseServerSecretShare(engine: Engine, bytes: Uint8Array): MpinServerSecretShare {
  return ownShare(engine, decode(engine, bytes));
}

/** 96 bytes, for the sealed key store and nothing else. The caller wipes them. */
export function encodeServerSecret(engine: Engine, secret: MpinServerSecret): Uint8Array {
  return secret.use(({ point }) => engine.g2.encode(point));
}

/** From unsealed bytes, which the caller wipes. @throws `ERR_POINT_INVALID` */
export function parseServerSecret(engine: Engine, bytes: Uint8Array): MpinServerSecret {
  return ownSecret(engine, decode(engine, bytes));
}

function ownShare(engine: Engine, point: G2): MpinServerSecretShare {
  return new MpinSecret(engine, "server secret share", undefined, point, [point]);
}

function ownSecret(engine: Engine, point: G2): MpinServerSecret {
  return new MpinSecret(engine, "server secret", undefined, { point, lines: engine.prepare(point) }, [point]);
}

function decode(engine: Engine, bytes: Uint8Array): G2 {
  if (bytes.length !== engine.g2.encodedLength) throw new MilagroError("ERR_POINT_INVALID", "G2: another length");
  return engine.g2.decode(bytes);
}

function hasSameLog(engine: Engine, publicPoint: G1, secret: G2 | PreparedG2): boolean {
  return engine.pairingCheck([
    [engine.g1.negate(engine.g1.generator), secret],
    [publicPoint, preparedLines(engine, engine.g2.generator)],
  ]);
}
