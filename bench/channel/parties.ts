/**
 * Two identities of a domain with one D-TA, as JSON: the server is a process of its own and gets its keys by IPC.
 * @module
 */
import { execFileSync } from "node:child_process";
import { signStatement } from "@milagro/crypto/bls";
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import { generateHpkeKeyPair } from "@milagro/crypto/hpke";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import {
  combineIdentityKeyShares,
  encodeIdentityKey,
  issueIdentityKeyShare,
  parseIdentityKey,
} from "@milagro/crypto/identity-key";
import { generateMasterSecretShare } from "@milagro/crypto/master-secret";
import type { Engine } from "@milagro/engine/engine";
import { type MasterSecretShares, makeAuthority } from "@milagro/protocol/authority";
import { ceremonyIdOf } from "@milagro/protocol/ceremony-messages";
import {
  type DomainDescriptor,
  encodeDescriptor,
  encodeSignedDescriptor,
  parseSignedDescriptor,
} from "@milagro/protocol/descriptor";
import { statementBytes } from "@milagro/protocol/statement";
import { verifyDescriptor } from "@milagro/protocol/trust-domain";
import { SUITE } from "@milagro/protocol/versions";
import { type ChannelSelf, identitySelf } from "@milagro/runtime/channel/self";
import { systemClock } from "@milagro/runtime/clock";
import { systemRandom } from "@milagro/runtime/random";

export const CLIENT: Identity = parseIdentity("milagro:bench.example/service/client");
export const SERVER: Identity = parseIdentity("milagro:bench.example/service/server");

/** Everything a party needs, in a form that can be sent. */
export interface PartyText {
  readonly descriptor: object;
  readonly identity: Identity;
  readonly epoch: Epoch;
  /** Base64. Made for this run, worth nothing afterwards. */
  readonly key: string;
}

const EPOCH_SECONDS = 31_622_400;

export async function makeParties(engine: Engine): Promise<{ readonly client: PartyText; readonly server: PartyText }> {
  const make = <S extends keyof MasterSecretShares>(scheme: S) => generateMasterSecretShare(engine, scheme);
  const masters = { id: make("id"), mpin: make("mpin"), cp: make("cp"), kp: make("kp"), statement: make("statement") };
  const member = { index: 1, name: "dta-1", operator: "Bench", jurisdiction: "CH", url: "https://dta1.bench.example" };
  const proposal = {
    v: 1 as const,
    name: "bench.example",
    epochSeconds: EPOCH_SECONDS,
    members: [member],
    nonce: systemRandom(16),
  };
  const ceremonyId = ceremonyIdOf(proposal);
  const { publicKey } = await generateHpkeKeyPair(systemRandom);
  const authorities = [makeAuthority(engine, masters, publicKey, proposal, ceremonyId, 1)];
  const descriptor: DomainDescriptor = {
    v: 1,
    name: proposal.name,
    suite: SUITE,
    epochSeconds: EPOCH_SECONDS,
    sequence: 0,
    ceremonyId,
    authorities,
  };
  const signature = signStatement(
    engine,
    masters.statement,
    statementBytes("descriptor", encodeDescriptor(descriptor)),
  );
  const signed = { v: 1 as const, descriptor, signatures: [signature] };
  const { domainId } = verifyDescriptor(engine, systemRandom, signed);
  const epoch = epochAt(systemClock(), EPOCH_SECONDS);
  const text = (identity: Identity): PartyText => {
    const input = identityInput(domainId, "sig", identity, epoch);
    const key = combineIdentityKeyShares(engine, [issueIdentityKeyShare(engine, masters.id, input, "sig")]);
    const bytes = encodeIdentityKey(engine, key);
    return { descriptor: encodeSignedDescriptor(signed), identity, epoch, key: Buffer.from(bytes).toString("base64") };
  };
  return { client: text(CLIENT), server: text(SERVER) };
}

export function openParty(engine: Engine, { descriptor, identity, epoch, key }: PartyText): ChannelSelf {
  const domain = verifyDescriptor(engine, systemRandom, parseSignedDescriptor(descriptor));
  const own = parseIdentityKey(engine, "sig", Buffer.from(key, "base64"));
  const keys = { identity, find: (_: "sig", wanted: Epoch) => (wanted === epoch ? own : undefined) };
  return identitySelf({ engine, random: systemRandom, clock: systemClock, domain, keys });
}

/** PEM: an authority's certificate, and one certificate with its key for both sides, all P-256. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export function makeCertificates(folder: string): Certificates {
  const openssl = (...args: string[]): string =>
    execFileSync("openssl", args, { encoding: "utf8", cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...curve,
    "-days",
    "2",
    "-subj",
    "/CN=bench authority",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
  );
  openssl("req", ...curve, "-subj", "/CN=localhost", "-keyout", "own.key", "-out", "own.csr");
  openssl("x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-out", "own.pem");
  const read = (file: string): string => execFileSync("cat", [file], { encoding: "utf8", cwd: folder });
  return { ca: read("ca.pem"), cert: read("own.pem"), key: read("own.key") };
}
