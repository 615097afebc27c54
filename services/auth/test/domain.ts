/**
 * A domain whose masters are at hand, so that tests can issue, and devices that use what was issued as a client does.
 * @module
 */
import { signStatement } from "@milagro/crypto/bls";
import { utf8 } from "@milagro/crypto/bytes";
import { type Epoch, NO_EXPIRY } from "@milagro/crypto/epoch";
import { generateHpkeKeyPair } from "@milagro/crypto/hpke";
import { identityInput } from "@milagro/crypto/identity-input";
import { combineIdentityKeyShares, type IdentityKey, issueIdentityKeyShare } from "@milagro/crypto/identity-key";
import { generateMasterSecretShare } from "@milagro/crypto/master-secret";
import { generateDvsKey, proveDvsKey } from "@milagro/crypto/mpin-dvs";
import { type DvsInput, dvsInput, type MpinIdentity, mpinIdentity, permitInput } from "@milagro/crypto/mpin-identity";
import { combineClientSecretShares, issueClientSecretShare } from "@milagro/crypto/mpin-key";
import { combineServerSecretShares, encodeServerSecret, issueServerSecretShare } from "@milagro/crypto/mpin-server-key";
import { type MpinToken, type Pin, parsePin } from "@milagro/crypto/mpin-token";
import { createToken } from "@milagro/crypto/mpin-token-making";
import { combineTimePermitShares, issueTimePermitShares, type TimePermit } from "@milagro/crypto/time-permit";
import { createEngine } from "@milagro/engine";
import { type MasterSecretShares, makeAuthority } from "@milagro/protocol/authority";
import { type CeremonyProposal, ceremonyIdOf } from "@milagro/protocol/ceremony-messages";
import { type DomainDescriptor, encodeDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { signReceipt } from "@milagro/protocol/issuance";
import type { Receipt } from "@milagro/protocol/issuance-messages";
import type { Registration } from "@milagro/protocol/registration-messages";
import { statementBytes } from "@milagro/protocol/statement";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { SUITE } from "@milagro/protocol/versions";
import { systemRandom as random } from "@milagro/runtime/random";

export { random };
export const engine = await createEngine({ random });
export const EPOCH_SECONDS = 3600;
export const SERVICE = "login";

export interface Founded {
  readonly masters: readonly MasterSecretShares[];
  readonly signed: SignedDescriptor;
  readonly domain: TrustDomain;
}

/** n real authorities in this process. */
export async function foundDomain(name = "example.org", count = 3): Promise<Founded> {
  const make = <S extends keyof MasterSecretShares>(scheme: S) => generateMasterSecretShare(engine, scheme);
  const masters = Array.from({ length: count }, () => ({
    id: make("id"),
    mpin: make("mpin"),
    cp: make("cp"),
    kp: make("kp"),
    statement: make("statement"),
  }));
  const proposal: CeremonyProposal = {
    v: 1,
    name,
    epochSeconds: EPOCH_SECONDS,
    members: masters.map((_, i) => ({
      index: i + 1,
      name: `dta-${i + 1}`,
      operator: `Operator ${i + 1}`,
      jurisdiction: "CH",
      url: `https://dta${i + 1}.${name}`,
    })),
    nonce: random(16),
  };
  const ceremonyId = ceremonyIdOf(proposal);
  const authorities = await Promise.all(
    masters.map(async (own, i) => {
      const { publicKey } = await generateHpkeKeyPair(random);
      return makeAuthority(engine, own, publicKey, proposal, ceremonyId, i + 1);
    }),
  );
  const descriptor: DomainDescriptor = {
    v: 1,
    name,
    suite: SUITE,
    epochSeconds: EPOCH_SECONDS,
    sequence: 0,
    ceremonyId,
    authorities,
  };
  const message = statementBytes("descriptor", encodeDescriptor(descriptor));
  const signatures = masters.map(({ statement }) => signStatement(engine, statement, message));
  const signed: SignedDescriptor = { v: 1, descriptor, signatures };
  return { masters, signed, domain: verifyDescriptor(engine, random, signed) };
}

/** 96 bytes, as they rest in a login server's key store. */
export function serverSecretOf({ masters }: Founded): Uint8Array {
  const shares = masters.map(({ mpin }) => issueServerSecretShare(engine, mpin));
  return encodeServerSecret(engine, combineServerSecretShares(engine, shares));
}

export const pinOf = (digits: string): Pin => parsePin(utf8(digits));

/** A device with a token. */
export interface EnrolledDevice {
  readonly founded: Founded;
  readonly identity: MpinIdentity;
  readonly input: DvsInput;
  readonly token: MpinToken;
  readonly registration: Registration;
}

export const drawDevice = (): string =>
  Array.from(random(10), (byte) => "abcdefghijklmnopqrstuvwxyz012345"[byte & 31]).join("");

export interface EnrolOptions {
  readonly user?: string;
  readonly device?: string;
  readonly service?: string;
  readonly pin?: string;
  readonly label?: string;
  readonly nowMs?: number;
}

/** All authorities issue to a fresh device, and it makes its token. */
export function enrolDevice(founded: Founded, options: EnrolOptions = {}): EnrolledDevice {
  const { masters, domain } = founded;
  const { user = "alice@example.org", device = drawDevice(), service = SERVICE, pin = "2580" } = options;
  const identity = mpinIdentity({ domain: domain.name, service, user, device });
  const key = generateDvsKey(engine);
  const input = dvsInput(domain.domainId, identity, NO_EXPIRY, key.input);
  const dvs = { key: key.input, proof: proveDvsKey(engine, key, input) };
  const shares = masters.map(({ mpin }) => issueClientSecretShare(engine, mpin, input).share);
  const token = createToken(engine, combineClientSecretShares(engine, shares), { pin: pinOf(pin) }, key);
  const receipts = receiptsFor(founded, identity, dvs, options.nowMs ?? Date.now());
  const registration: Registration = { v: 1, identity, receipts, dvs, label: options.label ?? "My phone" };
  return { founded, identity, input, token, registration };
}

/** What every authority signs about having issued. @param change - makes one that vouches for something else */
export function receiptsFor(
  { masters, domain }: Founded,
  identity: MpinIdentity,
  dvs: Registration["dvs"],
  nowMs: number,
  change: (receipt: Omit<Receipt, "signature">, i: number) => Omit<Receipt, "signature"> = (same) => same,
): Receipt[] {
  const requestHash = random(32);
  return masters.map(({ statement }, i) => {
    const receipt = {
      v: 1 as const,
      domainId: domain.domainId,
      index: i + 1,
      requestHash,
      identity,
      keys: [{ usage: "mpin" as const, epoch: NO_EXPIRY, dvs }],
      sharesHash: random(32),
      policyVersion: 1,
      time: Math.floor(nowMs / 1000),
      logIndex: 1,
      logHead: random(32),
    };
    return signReceipt(engine, statement, change(receipt, i));
  });
}

const permits = new WeakMap<DvsInput, Map<Epoch, TimePermit>>();

/** The permit of all authorities; kept, as a client does. */
export function permitFor({ founded, input }: EnrolledDevice, epoch: Epoch): TimePermit {
  const kept = permits.get(input) ?? new Map<Epoch, TimePermit>();
  permits.set(input, kept);
  const wanted = permitInput(input, epoch);
  const issue = ({ mpin }: MasterSecretShares) => issueTimePermitShares(engine, mpin, [wanted]).shares;
  const permit = kept.get(epoch) ?? combineTimePermitShares(engine, founded.masters.flatMap(issue));
  kept.set(epoch, permit);
  return permit;
}

/** The key with which a device approves others. */
export function signingKeyOf({ founded, identity }: EnrolledDevice): IdentityKey<"sig"> {
  const input = identityInput(founded.domain.domainId, "sig", identity, NO_EXPIRY);
  return combineIdentityKeyShares(
    engine,
    founded.masters.map(({ id }) => issueIdentityKeyShare(engine, id, input, "sig")),
  );
}
