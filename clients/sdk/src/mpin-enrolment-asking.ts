/**
 * The first stage of an enrolment: bringing evidence to the D-TAs until each has issued its share, then making the token.
 * @module
 */
import { wipe } from "@milagro/crypto/bytes";
import { encodeIdentityKey } from "@milagro/crypto/identity-key";
import { parseDvsKey } from "@milagro/crypto/mpin-dvs";
import { type DvsPublicKey, parseMpinIdentity, splitMpinIdentity } from "@milagro/crypto/mpin-identity";
import { type DeviceFactor, encodeToken, type Pin } from "@milagro/crypto/mpin-token";
import { createToken } from "@milagro/crypto/mpin-token-making";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { MailLanguage } from "@milagro/protocol/email-code";
import { isRefusal } from "@milagro/protocol/enrolment-answers";
import type { Evidence, IssuanceClaim, SealedRequest } from "@milagro/protocol/issuance-messages";
import { finishMpinEnrolment, type MpinKeys, sealMpinRequest } from "@milagro/protocol/mpin-issuance";
import { quickCodeNumber } from "@milagro/protocol/quick-code-number";
import { requestKeyThumbprint } from "@milagro/protocol/request-key";
import type { Account } from "./mpin-account.ts";
import { encodeAccount } from "./mpin-account-write.ts";
import { type AuthorityName, askForCodes, askForShares, type CodeAsked } from "./mpin-ask.ts";
import {
  type AskingRecord,
  type AskingSecrets,
  type ClaimedQuickCode,
  dropEnrolment,
  type OpenIdLogin,
  storeAsking,
  storeRegistering,
} from "./mpin-enrolment-record.ts";
import { RegisteringEnrolment } from "./mpin-enrolment-registering.ts";
import { type PinWeakness, pinWeakness } from "./mpin-pin.ts";
import type { MpinClient } from "./mpin-ports.ts";
import type { LoginDomain } from "./mpin-service.ts";

/** What the D-TAs have said so far. */
export type EnrolmentProgress =
  /** All have issued: `finish` with a PIN. */
  | { readonly outcome: "issued" }
  /** These want other evidence; what the others took stays taken. Guesses of codes are counted. */
  | { readonly outcome: "refused"; readonly refusals: readonly (AuthorityName & { readonly code: string })[] }
  /** These have not answered; `submit` again, later. `ERR_EVIDENCE_MISSING`: there is no evidence for it yet. */
  | { readonly outcome: "waiting"; readonly missing: readonly (AuthorityName & { readonly code: string })[] };

/** The token is made; `register` it. Or the PIN is too easy. */
export type PinChosen = RegisteringEnrolment | { readonly outcome: "weak"; readonly weakness: PinWeakness };

/** Evidence for one D-TA. */
export interface EvidenceFor {
  readonly index: number;
  readonly evidence: readonly Evidence[];
}

export class AskingEnrolment {
  readonly stage = "asking";
  readonly #client: MpinClient;
  readonly #engine: Engine;
  readonly #domain: LoginDomain;
  readonly #secrets: AskingSecrets;
  #record: AskingRecord;
  #keys: MpinKeys | undefined;

  /** Made by `beginEnrolment` and `resumeEnrolment`. */
  constructor(client: MpinClient, engine: Engine, domain: LoginDomain, record: AskingRecord, secrets: AskingSecrets) {
    this.#client = client;
    this.#engine = engine;
    this.#domain = domain;
    this.#record = record;
    this.#secrets = secrets;
  }

  get identity() {
    return parseMpinIdentity(this.claim.identity);
  }

  get user(): string {
    return splitMpinIdentity(this.identity).user;
  }

  get label(): string {
    return this.#record.label;
  }

  /** What every D-TA is asked for; public, and what another device approves. */
  get claim(): IssuanceClaim {
    return this.#secrets.enrolment.claim;
  }

  /** `nonce` of an OpenID token that is to serve as evidence. */
  get openIdNonce(): string {
    return requestKeyThumbprint(this.claim.requestKey);
  }

  /** Those who issue, in order, and whether evidence has been sealed for each. */
  get authorities() {
    return this.#domain.authorities.map(({ entry: { index, name, operator, jurisdiction, url } }) => {
      const brought = this.#record.requests.some((request) => request.index === index);
      return { index, name, operator, jurisdiction, url, brought };
    });
  }

  /** The QuickCode that this device has claimed, if it has; `number` is to be shown, once the other device has answered. */
  get quickCode(): (ClaimedQuickCode & { readonly number: string | undefined }) | undefined {
    const { quickCode } = this.#record;
    if (!quickCode) return undefined;
    const { nonce, challenge } = quickCode;
    const matter = { requestHash: this.#secrets.enrolment.requestHash, label: this.label };
    return { ...quickCode, number: challenge && quickCodeNumber(matter, nonce, challenge) };
  }

  /** The login at an OpenID provider that is under way, if one is. */
  get openId(): OpenIdLogin | undefined {
    return this.#record.openId;
  }

  /** Asks each D-TA to mail a code of its own. May be asked again; the newest code counts. @param only - places of those to ask */
  requestCodes(language?: MailLanguage, only?: readonly number[]): Promise<readonly CodeAsked[]> {
    return askForCodes(this.#client, this.#domain, this.#secrets.enrolment, { language, only });
  }

  /**
   * Brings evidence and asks every D-TA that has some. Evidence is sealed and stored before it is sent, and the request stays the same
   * whatever evidence comes with it, so nothing is spent twice. Without evidence it asks again with what there is.
   * @throws `ERR_SHARE_INVALID` or `ERR_RECEIPT_INVALID`, each naming the D-TA (`faultReportOf`); what storage throws
   */
  async submit(evidence: readonly EvidenceFor[] = []): Promise<EnrolmentProgress> {
    if (this.#keys) return { outcome: "issued" };
    await this.#seal(evidence);
    const { answers, missing } = await askForShares(this.#client, this.#domain, this.#record.requests);
    const refusals = answers
      .filter(isRefusal)
      .map(({ index, refusal }) => ({
        index,
        name: this.#domain.authorities[index - 1]?.entry.name ?? "",
        code: refusal.code,
      }))
      .sort((a, b) => a.index - b.index);
    if (refusals.length > 0) {
      await this.#forget(refusals.map(({ index }) => index));
      return { outcome: "refused", refusals };
    }
    if (missing.length > 0) return { outcome: "waiting", missing };
    const { random } = this.#client;
    const { enrolment } = this.#secrets;
    this.#keys = await finishMpinEnrolment({ engine: this.#engine, random, domain: this.#domain, enrolment, answers });
    return { outcome: "issued" };
  }

  /** The same evidence for every D-TA. */
  submitToAll(evidence: readonly Evidence[]): Promise<EnrolmentProgress> {
    return this.submit(this.#domain.authorities.map(({ entry: { index } }) => ({ index, evidence })));
  }

  /** Remembers a claimed QuickCode. */
  async rememberQuickCode(quickCode: ClaimedQuickCode): Promise<void> {
    await this.#store({ ...this.#record, quickCode });
  }

  /** Remembers a login at an OpenID provider, or that it is over. */
  async rememberOpenId(openId: OpenIdLogin | undefined): Promise<void> {
    const { openId: _, ...rest } = this.#record;
    await this.#store(openId ? { ...rest, openId } : rest);
  }

  /**
   * Takes the PIN and makes the token; then `register`. The PIN is destroyed. Once it is stored, this object is over.
   * @param deviceFactor - what only this device has; then no PIN counts without it
   * @throws `ERR_ENROLMENT_STAGE` before all D-TAs have issued
   */
  async finish(pin: Pin, deviceFactor?: DeviceFactor): Promise<PinChosen> {
    try {
      const keys = this.#keys;
      if (!keys) throw new MilagroError("ERR_ENROLMENT_STAGE", "not all D-TAs have issued their share");
      const weakness = pinWeakness(pin, this.#record.pinPolicy);
      if (weakness) return { outcome: "weak", weakness };
      const record = this.#accountRecord(keys, pin, deviceFactor);
      const { origin, label, created } = this.#record;
      const registration = {
        v: 1,
        identity: this.identity,
        receipts: keys.receipts,
        dvs: this.#dvs(),
        label,
      } as const;
      const next = { stage: "registering", origin, label, created, registration } as const;
      try {
        await storeRegistering(this.#client, next, record);
      } catch (error) {
        wipe(record);
        throw error;
      }
      this.destroy();
      return new RegisteringEnrolment(this.#client, next, record);
    } finally {
      pin.destroy();
    }
  }

  /** Gives it up: evidence that was spent is lost. */
  async abandon(): Promise<void> {
    await dropEnrolment(this.#client, this.identity);
    this.destroy();
  }

  /** Forgets the secrets here; what is stored stays. May be called twice. */
  destroy(): void {
    this.#keys?.secret.destroy();
    this.#keys?.signing.key.destroy();
    this.#keys = undefined;
    this.#secrets.enrolment.privateKey.destroy();
    wipe(this.#secrets.z);
  }

  #dvs() {
    const [mpin] = this.claim.keys;
    if (mpin?.usage !== "mpin" || !mpin.dvs) throw new TypeError("an enrolment without the user's own key");
    return mpin.dvs;
  }

  #accountRecord({ secret, signing }: MpinKeys, pin: Pin, deviceFactor: DeviceFactor | undefined): Uint8Array {
    const engine = this.#engine;
    const { domainId, authorities, publicKey, descriptorHash, signed, masterEpoch } = this.#domain;
    const account: Account = {
      identity: this.identity,
      origin: this.#record.origin,
      service: splitMpinIdentity(this.identity).service,
      user: this.user,
      label: this.label,
      created: this.#record.created,
      domainId,
      descriptorHash,
      sequence: signed.descriptor.sequence,
      master: masterEpoch,
      publicKeyHash: publicKey.hash,
      dvsKey: this.#dvs().key as DvsPublicKey,
      authorities: authorities.map(({ entry: { index, name, url, keys } }) => ({
        index,
        name,
        url,
        mpinKey: keys.mpin.g1,
      })),
      deviceFactor: deviceFactor !== undefined,
      pinPolicy: this.#record.pinPolicy,
    };
    const dvsKey = parseDvsKey(engine, this.#secrets.z);
    const token = createToken(engine, secret, deviceFactor ? { pin, deviceFactor } : { pin }, dvsKey);
    const bytes = encodeToken(engine, token);
    const key = encodeIdentityKey(engine, signing.key);
    dvsKey.destroy();
    token.destroy();
    try {
      return encodeAccount(account, bytes, key);
    } finally {
      wipe(bytes, key);
    }
  }

  async #seal(evidence: readonly EvidenceFor[]): Promise<void> {
    if (evidence.length === 0) return;
    const { random } = this.#client;
    const { enrolment } = this.#secrets;
    const fresh: SealedRequest[] = [];
    for (const { index, evidence: list } of evidence)
      fresh.push(await sealMpinRequest({ random, domain: this.#domain, enrolment, index, evidence: list }));
    const kept = this.#record.requests.filter(({ index }) => !fresh.some((one) => one.index === index));
    await this.#store({ ...this.#record, requests: [...kept, ...fresh] });
  }

  async #forget(indices: readonly number[]): Promise<void> {
    const requests = this.#record.requests.filter(({ index }) => !indices.includes(index));
    await this.#store({ ...this.#record, requests });
  }

  /** Stored first; only then it is so. */
  async #store(record: AskingRecord): Promise<void> {
    await storeAsking(this.#client, record, this.#secrets);
    this.#record = record;
  }
}
