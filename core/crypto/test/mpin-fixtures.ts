/**
 * One trust domain of three D-TAs with `mpin` masters and a server, on the fastest engine there is, made once per test file.
 * @module
 */
import { createEngine } from "@milagro/engine";
import type { G1, Scalar } from "@milagro/engine/engine";
import { type DomainId, parseDomainId } from "../src/domain-id.ts";
import { parseEpoch } from "../src/epoch.ts";
import {
  combinePublicShares,
  type DomainPublicKey,
  derivePublicShare,
  type PublicShare,
} from "../src/master-public.ts";
import { generateMasterSecretShare, type MasterSecretShare } from "../src/master-secret.ts";
import { type DvsKey, generateDvsKey } from "../src/mpin-dvs.ts";
import { type DvsInput, dvsInput, type MpinInput, mpinIdentity, mpinInput, permitInput } from "../src/mpin-identity.ts";
import { combineClientSecretShares, issueClientSecretShare, type MpinClientSecret } from "../src/mpin-key.ts";
import type { LoginContext } from "../src/mpin-login.ts";
import { combineServerSecretShares, issueServerSecretShare, type MpinServerSecret } from "../src/mpin-server-key.ts";
import { deviceFactor, type MpinToken, parsePin, type Unlock } from "../src/mpin-token.ts";
import { createToken } from "../src/mpin-token-making.ts";
import { combineTimePermitShares, issueTimePermitShares, type TimePermit } from "../src/time-permit.ts";
import { bytes, random } from "./fixtures.ts";

export const engine = await createEngine({ random });
export const epoch = parseEpoch(20_000);
export const nextEpoch = parseEpoch(20_001);
export const aliceName = { domain: "example", service: "login.example", user: "alice@example.org", device: "d-1" };
export const alice = mpinIdentity(aliceName);
export const bob = mpinIdentity({ ...aliceName, user: "bob" });

export interface MpinDomain {
  readonly domainId: DomainId;
  readonly masters: readonly MasterSecretShare<"mpin">[];
  readonly publicShares: readonly PublicShare<"mpin">[];
  readonly publicKey: DomainPublicKey<"mpin">;
  readonly serverSecret: MpinServerSecret;
}

export function makeMpinDomain(): MpinDomain {
  const masters = [1, 2, 3].map(() => generateMasterSecretShare(engine, "mpin"));
  const publicShares = masters.map((master) => derivePublicShare(engine, master));
  const serverSecret = combineServerSecretShares(
    engine,
    masters.map((master) => issueServerSecretShare(engine, master)),
  );
  const domainId = parseDomainId(random(32));
  return { domainId, masters, publicShares, publicKey: combinePublicShares(engine, publicShares), serverSecret };
}

export const issueSecret = (domain: MpinDomain, input: MpinInput): MpinClientSecret =>
  combineClientSecretShares(
    engine,
    domain.masters.map((master) => issueClientSecretShare(engine, master, input).share),
  );

export function issuePermit(domain: MpinDomain, input: MpinInput, at = epoch): TimePermit {
  const wanted = permitInput(input, at);
  const shares = domain.masters.flatMap((master) => issueTimePermitShares(engine, master, [wanted]).shares);
  return combineTimePermitShares(engine, shares);
}

/** A fresh PIN object: every use destroys it. */
export const pin = (digits: string): Unlock => ({ pin: parsePin(bytes(digits)) });
export const pinAnd = (digits: string, factor: Uint8Array): Unlock => ({
  pin: parsePin(bytes(digits)),
  deviceFactor: deviceFactor(factor.slice()),
});

export interface User<I extends MpinInput = MpinInput> {
  readonly input: I;
  readonly token: MpinToken;
}

export function register(domain: MpinDomain, identity = alice, digits = "1234", at = epoch): User {
  const input = mpinInput(domain.domainId, identity, at);
  return { input, token: createToken(engine, issueSecret(domain, input), pin(digits)) };
}

export interface DvsUser extends User<DvsInput> {
  readonly key: DvsKey;
}

export function registerDvs(domain: MpinDomain, identity = alice, digits = "1234"): DvsUser {
  const key = generateDvsKey(engine);
  const input = dvsInput(domain.domainId, identity, epoch, key.input);
  return { input, key, token: createToken(engine, issueSecret(domain, input), pin(digits), key) };
}

export const newContext = (change: Partial<LoginContext> = {}): LoginContext => ({
  session: random(16),
  origin: "https://login.example",
  client: "shop",
  payloadHash: new Uint8Array(0),
  ...change,
});

/** The sum of all masters: what colluding D-TAs know, and no production type holds. */
export const collude = (domain: MpinDomain): Scalar =>
  domain.masters.reduce((sum, master) => master.use((share) => engine.scalars.add(sum, share)), engine.scalars.zero);

export const encode = (point: G1): Uint8Array => engine.g1.encode(point);
export const decode = (point: Uint8Array): G1 => engine.g1.decode(point);
/** The identity element, in its one encoding. */
export const NO_POINT = engine.g1.encode(engine.g1.identity);
/** On the curve, and not in the subgroup: x = 4, whose point has a cofactor part. */
export const OUTSIDE = Uint8Array.from({ length: 48 }, (_, i) => (i === 0 ? 0x80 : i === 47 ? 4 : 0));
