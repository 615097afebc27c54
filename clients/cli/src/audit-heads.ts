/**
 * The heads that a service has signed and kept beside its log: whether they are its own. A D-TA signs with its statement key,
 * which the descriptor holds; the D-KMS as the identity it has in the domain; a login server with the approval key that its `init`
 * printed, which no descriptor holds: whoever checks brings it.
 * @module
 */
import { createPublicKey, verify } from "node:crypto";
import { type StatementClaim, verifyStatements } from "@milagro/crypto/bls";
import { ByteReader } from "@milagro/crypto/bytes";
import { parseEpoch } from "@milagro/crypto/epoch";
import { type SignatureClaim, verifySignatures } from "@milagro/crypto/ibs";
import { identityOf } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { encodeLogHead } from "@milagro/protocol/dta-messages";
import { kmsAuditHeadMessage } from "@milagro/protocol/kms-audit";
import { loginAuditHeadMessage } from "@milagro/protocol/login-audit";
import { statementBytes } from "@milagro/protocol/statement";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import type { SignedAuditHead } from "@milagro/runtime/audit-log";

const DTA_SIGNATURE_BYTES = 48;
/** uint64 epoch ‖ signature by the identity's key of that epoch. */
const KMS_SIGNATURE_BYTES = 8 + 96;

/** Of Ed25519. */
const LOGIN_SIGNATURE_BYTES = 64;
/** SubjectPublicKeyInfo around 32 bytes. Source: RFC 8410 §4. */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** A login server, as whoever checks its log knows it. */
export interface LoginServerKey {
  readonly service: string;
  /** 32 bytes: the approval key. */
  readonly key: Uint8Array;
}

/** Whether these are a login server's, for which `signerOfHeads` needs its key. */
export const areOfLoginServer = (heads: readonly SignedAuditHead[]): boolean =>
  heads.at(-1)?.signature.length === LOGIN_SIGNATURE_BYTES;

/**
 * Who has signed all these heads.
 * @param heads - at least one, oldest first
 * @param login - for heads of a login server
 * @throws `ERR_AUDIT_CORRUPT` naming the first head that nobody of this domain has signed
 */
export function signerOfHeads(
  engine: Engine,
  random: RandomBytes,
  domain: TrustDomain,
  heads: readonly SignedAuditHead[],
  login?: LoginServerKey,
): string {
  const length = heads.at(-1)?.signature.length;
  const signers = login
    ? [loginServerOf(domain, login)]
    : length === KMS_SIGNATURE_BYTES
      ? [kmsOf(domain)]
      : dtasOf(domain);
  const newest = heads.slice(-1);
  const signer = signers.find(({ hasSigned }) => hasSigned(engine, random, newest));
  const forged = signer ? firstForged((some) => signer.hasSigned(engine, random, some), heads) : newest[0];
  if (signer && !forged) return signer.name;
  const whom = signer?.name ?? (signers.length === 1 ? signers[0]?.name : "any D-TA");
  throw new MilagroError(
    "ERR_AUDIT_CORRUPT",
    `the head kept at entry ${forged?.index} is not signed by ${whom} of ${domain.name}: it is forged, or of another domain (--domain)`,
  );
}

interface Signer {
  readonly name: string;
  /** One product for all of them. */
  hasSigned(engine: Engine, random: RandomBytes, heads: readonly SignedAuditHead[]): boolean;
}

function dtasOf({ domainId, authorities }: TrustDomain): readonly Signer[] {
  return authorities.map(({ entry, publicShares }) => ({
    name: `D-TA ${entry.index}`,
    hasSigned(engine, random, heads) {
      if (heads.some(({ signature }) => signature.length !== DTA_SIGNATURE_BYTES)) return false;
      const claims = heads.map(({ index, hash, time: timeMs, signature }): StatementClaim => {
        const time = Math.floor(timeMs / 1000);
        const head = encodeLogHead({ v: 1, domainId, authority: entry.index, index, hash, time, signature });
        const { signature: _, ...body } = head;
        return { publicKey: publicShares.statement, message: statementBytes("log-head", body), signature };
      });
      return verifyStatements(engine, random, claims);
    },
  }));
}

function loginServerOf({ domainId, name: domain }: TrustDomain, { service, key }: LoginServerKey): Signer {
  const identity = identityOf({ domain, kind: "mpin-server", name: service });
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, key]), format: "der", type: "spki" });
  return {
    name: identity,
    hasSigned: (_engine, _random, heads) =>
      heads.every(({ index, hash, time, signature }) =>
        verify(
          null,
          loginAuditHeadMessage(domainId, identity, { index, hash, time: Math.floor(time / 1000) }),
          publicKey,
          signature,
        ),
      ),
  };
}

function kmsOf({ domainId, name, publicKey }: TrustDomain): Signer {
  const identity = identityOf({ domain: name, kind: "service", name: "kms" });
  return {
    name: identity,
    hasSigned(engine, random, heads) {
      if (heads.some(({ signature }) => signature.length !== KMS_SIGNATURE_BYTES)) return false;
      const claims = heads.map(({ index, hash, time: timeMs, signature }): SignatureClaim => {
        const epoch = parseEpoch(new ByteReader(signature.subarray(0, 8), "ERR_AUDIT_CORRUPT").u64());
        return {
          input: identityInput(domainId, "sig", identity, epoch),
          message: kmsAuditHeadMessage(domainId, { index, hash, time: Math.floor(timeMs / 1000) }),
          signature: signature.subarray(8),
        };
      });
      return verifySignatures(engine, random, publicKey, claims);
    },
  };
}

/** By halves: forgeries are rare, and looking at each head costs two pairings. */
function firstForged(
  areRight: (heads: readonly SignedAuditHead[]) => boolean,
  heads: readonly SignedAuditHead[],
): SignedAuditHead | undefined {
  if (areRight(heads)) return undefined;
  if (heads.length === 1) return heads[0];
  const middle = Math.ceil(heads.length / 2);
  const [early, late] = [heads.slice(0, middle), heads.slice(middle)];
  return firstForged(areRight, early) ?? firstForged(areRight, late);
}
