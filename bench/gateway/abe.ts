/**
 * Attribute-based encryption at 10, 50 and 100 attributes, beside the same code on the noble engine. A domain of three D-TAs; the
 * policy asks for all attributes at once, the case in which most has to be computed.
 *
 * keygen is one D-TA's share as it is sent: points computed and encoded. encrypt is from policy to bytes. decrypt is from bytes to the secret:
 * decoding with subgroup checks, pairings, and the comparison of every point (Fujisaki–Okamoto).
 *
 * `first use` hashes every attribute to the curve; in the other rows the process has seen the attributes before, as a gateway has.
 * @module
 */
import { randomBytes } from "node:crypto";
import { decapsulateWithAttributes, encapsulateToPolicy, parseCpCiphertext } from "@milagro/crypto/abe-cp";
import { issueCpKeyShare } from "@milagro/crypto/abe-cp-key";
import { approvalStatement, approveEntitlement, attributeEntitlement } from "@milagro/crypto/abe-entitlement";
import { combineAbeKeyShares, encodeAbeKey } from "@milagro/crypto/abe-key";
import type { AbeScope } from "@milagro/crypto/abe-points";
import { parseAttributeSchema } from "@milagro/crypto/attribute-schema";
import { signStatement } from "@milagro/crypto/bls";
import { type DomainId, parseDomainId } from "@milagro/crypto/domain-id";
import { parseEpoch } from "@milagro/crypto/epoch";
import { parseIdentity } from "@milagro/crypto/identity";
import { combinePublicShares, derivePublicShare } from "@milagro/crypto/master-public";
import { generateMasterSecretShare, type MasterSecretShare } from "@milagro/crypto/master-secret";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import type { Engine } from "@milagro/engine";
import type { Reporter, Run } from "../harness/reporter.ts";

/** Attributes of a policy; the rows of the 50 come first, because they are the ones compared. */
const SIZES = [50, 10, 100] as const;
const EPOCH = parseEpoch(20_000);
const IDENTITY = parseIdentity("milagro:bench.example/user/reader");
const CONTEXT = new Uint8Array(0);
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

interface Operations {
  readonly keygen: Run;
  readonly encrypt: Run;
  readonly first: Run;
  readonly decrypt: Run;
  readonly bytes: number;
}

/** Rows `abe keygen n`, `abe encrypt n`, `abe decrypt n`. */
export async function compareAbe(report: Reporter, chosen: Engine, noble: Engine): Promise<void> {
  for (const size of SIZES) {
    const [ours, theirs] = [abeOperations(chosen, size), abeOperations(noble, size)];
    for (const name of ["keygen", "encrypt", "decrypt"] as const) {
      await report.compare(`abe ${name} ${size}`, ours[name], { noble: theirs[name] });
    }
    if (size === 50) await report.compare("abe encrypt 50, first use", ours.first, { noble: theirs.first });
    report.add({ name: `abe ciphertext ${size}`, value: ours.bytes, unit: "bytes" });
  }
}

function abeOperations(engine: Engine, size: number): Operations {
  const masters = [1, 2, 3].map(() => generateMasterSecretShare(engine, "cp"));
  const signers = masters.map(() => generateMasterSecretShare(engine, "statement"));
  const publicKey = combinePublicShares(
    engine,
    masters.map((master) => derivePublicShare(engine, master)),
  );
  const labels = Array.from({ length: size }, (_, i) => `k${i.toString().padStart(2, "0")}`);
  const schema = parseAttributeSchema({
    v: 1,
    negation: false,
    labels: Object.fromEntries(labels.map((label) => [label, { type: "text", values: "one" }])),
  });
  const policy = parsePolicy(labels.map((label) => `${label} = v`).join(" and "), schema);
  const approved = (domainId: DomainId) => {
    const values = Object.fromEntries(labels.map((label) => [label, "v"]));
    // The uid comes on top of the attributes.
    const entitlement = attributeEntitlement({ domainId, identity: IDENTITY, epoch: EPOCH }, schema, values);
    const approvals = signers.map((signer) => signStatement(engine, signer, approvalStatement(entitlement, CONTEXT)));
    const statementKeys = signers.map((signer) => derivePublicShare(engine, signer));
    return approveEntitlement(engine, random, entitlement, CONTEXT, statementKeys, approvals);
  };
  const scopeOf = (domainId: DomainId): AbeScope<"cp"> => ({ domainId, scheme: "cp", epoch: EPOCH });
  const encrypt = (domainId: DomainId) =>
    encapsulateToPolicy(engine, random, publicKey, scopeOf(domainId), policy, CONTEXT);
  const prepare = () => {
    const domainId = parseDomainId(random(32));
    const entitlement = approved(domainId);
    const shares = masters.map((master) => issueCpKeyShare(engine, master, entitlement));
    return {
      domainId,
      entitlement,
      key: combineAbeKeyShares(engine, shares),
      ciphertext: encrypt(domainId).ciphertext,
    };
  };
  const known = prepare();
  return {
    bytes: known.ciphertext.bytes.length,
    keygen: () =>
      encodeAbeKey(engine, issueCpKeyShare(engine, masters[0] as MasterSecretShare<"cp">, known.entitlement)),
    encrypt: () => encrypt(known.domainId),
    // In a domain nobody has seen nothing that is remembered helps.
    first: () => encrypt(parseDomainId(random(32))),
    decrypt: () => {
      const ciphertext = parseCpCiphertext(known.ciphertext.bytes);
      return decapsulateWithAttributes(engine, known.key, publicKey, ciphertext, CONTEXT);
    },
  };
}
