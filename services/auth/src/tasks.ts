/**
 * Everything here that multiplies points, to be run in a worker. Arguments and results are plain values that can be cloned;
 * errors keep their codes.
 * @module
 */
import { verifyStatements } from "@milagro/crypto/bls";
import { equalBytes, wipe } from "@milagro/crypto/bytes";
import { NO_EXPIRY, parseEpoch } from "@milagro/crypto/epoch";
import { type BatchOutcome, verifyLoginBatch } from "@milagro/crypto/mpin-batch";
import { verifyDvsKey } from "@milagro/crypto/mpin-dvs";
import {
  dvsInput,
  type MpinIdentity,
  type MpinInput,
  parseDvsPublicKey,
  parseMpinIdentity,
} from "@milagro/crypto/mpin-identity";
import { type LoginContext, type LoginSubject, type LoginTerms, loginSubject } from "@milagro/crypto/mpin-login";
import { type OnePassContext, openOnePass } from "@milagro/crypto/mpin-one-pass";
import { encodeServerSecret, type MpinServerSecret } from "@milagro/crypto/mpin-server-key";
import { openLogin, parseLoginNonce } from "@milagro/crypto/mpin-two-pass";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { parseSignedDescriptor } from "@milagro/protocol/descriptor";
import { verifyDeviceApproval } from "@milagro/protocol/device-approval";
import { resumeEnrolment } from "@milagro/protocol/enrolment";
import { receiptStatement } from "@milagro/protocol/issuance";
import { parseIssuanceAnswer, type Receipt } from "@milagro/protocol/issuance-messages";
import { finishServerEnrolment } from "@milagro/protocol/mpin-server-issuance";
import { parseRegistration, type Registration } from "@milagro/protocol/registration-messages";
import { authorityAt, type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { parseJson } from "@milagro/protocol/wire";
import { transferring } from "@milagro/runtime/worker-side";
import { nativeX25519 } from "@milagro/runtime/x25519";

/** One login to check, as it is sent to a worker. */
export interface LoginCheck {
  /** Who made the work. */
  readonly source: string;
  /** Epoch of the `mpin` master that the login was begun with. */
  readonly master: number;
  /** The pinned input, or for an unknown identity one that nobody's answer fits. */
  readonly input: Uint8Array;
  readonly permitEpoch: number | undefined;
  readonly claim:
    | {
        readonly type: "two-pass";
        readonly context: LoginContext;
        readonly nonce: Uint8Array;
        readonly u: Uint8Array;
        readonly v: Uint8Array;
      }
    | { readonly type: "one-pass"; readonly context: OnePassContext; readonly proof: Uint8Array };
}

/** Refusals of one source in one batch, after which its other logins are put off. */
const REFUSALS_PER_SOURCE = 4;
/** Identities whose hashed points are kept, each some kilobytes. */
const KEPT_SUBJECTS = 2048;

export interface TaskEnvironment {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly domain: TrustDomain;
  /** Absent until it was collected: logins cannot be checked then. */
  readonly serverSecret: MpinServerSecret | undefined;
}

export type Tasks = ReturnType<typeof createTasks>;

export function createTasks({ engine, random, domain, serverSecret }: TaskEnvironment) {
  const subjects = new Map<string, LoginSubject>();

  /** Known and unknown identities alike are remembered: both cost the same the second time. */
  function subjectOf(input: Uint8Array, permitEpoch: number | undefined): LoginSubject {
    const key = `${permitEpoch ?? ""} ${Buffer.from(input).toString("base64")}`;
    const subject =
      subjects.get(key) ??
      loginSubject(input as MpinInput, permitEpoch === undefined ? undefined : parseEpoch(permitEpoch));
    subjects.delete(key);
    subjects.set(key, subject);
    const [oldest] = subjects.keys();
    if (subjects.size > KEPT_SUBJECTS && oldest !== undefined) subjects.delete(oldest);
    return subject;
  }

  function termsOf({ input, permitEpoch, claim }: LoginCheck): LoginTerms | undefined {
    const subject = subjectOf(input, permitEpoch);
    if (claim.type === "one-pass") return openOnePass(engine, { subject, ...claim });
    const { context, u, v } = claim;
    return openLogin(engine, { subject, context, nonce: parseLoginNonce(claim.nonce), u, v });
  }

  return {
    /** One outcome for each login, in order. @throws `ERR_SERVER_SECRET_MISSING` */
    verifyLogins(checks: readonly LoginCheck[]): readonly BatchOutcome[] {
      if (!serverSecret) throw new MilagroError("ERR_SERVER_SECRET_MISSING", "there is no server secret yet");
      const entries = checks.map((check) => ({ source: check.source, terms: termsOf(check) }));
      return verifyLoginBatch(engine, random, serverSecret, entries, REFUSALS_PER_SOURCE).outcomes;
    },

    /**
     * Checks a registration: one receipt of each D-TA, for exactly this identity and this key of the user's, and proof of that key.
     * @returns the input to pin
     * @throws `ERR_MESSAGE_INVALID`, `ERR_IDENTITY_INVALID`, `ERR_PUBLIC_KEY_INVALID`, `ERR_RECEIPT_INVALID`
     */
    verifyRegistration(order: {
      readonly body: unknown;
      readonly nowMs: number;
      readonly maxAgeSeconds: number;
    }): Uint8Array {
      const registration = parseRegistration(order.body);
      const identity = parseMpinIdentity(registration.identity);
      const key = parseDvsPublicKey(engine, registration.dvs.key);
      const input = dvsInput(domain.domainId, identity, NO_EXPIRY, key);
      if (!verifyDvsKey(engine, input, registration.dvs.proof))
        throw new MilagroError("ERR_PUBLIC_KEY_INVALID", "there is no proof that the device knows its own key");
      checkReceipts(domain, registration, order.nowMs / 1000, order.maxAgeSeconds);
      const claims = registration.receipts.map((receipt) => ({
        publicKey: authorityAt(domain, receipt.index).publicShares.statement,
        message: receiptStatement(receipt),
        signature: receipt.signature,
      }));
      if (!verifyStatements(engine, random, claims)) refuseReceipt("one is not signed by the D-TA that it names");
      return input;
    },

    /** Whether a device of this domain signed this request for another one. */
    verifyDevice(order: {
      readonly device: MpinIdentity;
      readonly requestHash: Uint8Array;
      readonly signature: Uint8Array;
    }): boolean {
      return verifyDeviceApproval(engine, domain, order.device, order.requestHash, order.signature);
    },

    /**
     * Adds up the server secret. `enrolment` is what `exportEnrolment` gave; it is wiped.
     * @param order.later - JSON of the later descriptor that the secret is of
     * @returns 96 bytes
     */
    async finishServerEnrolment(order: {
      readonly enrolment: Uint8Array;
      readonly answers: readonly string[];
      readonly later?: string | undefined;
    }): Promise<Uint8Array> {
      const of =
        order.later === undefined
          ? domain
          : verifyDescriptor(engine, random, parseSignedDescriptor(parseJson(order.later)), { newest: domain });
      const enrolment = resumeEnrolment(order.enrolment);
      wipe(order.enrolment);
      const answers = order.answers.map((text) => parseIssuanceAnswer(parseJson(text)));
      const { secret } = await finishServerEnrolment({
        engine,
        random,
        domain: of,
        enrolment,
        answers,
        x25519: nativeX25519,
      });
      const bytes = encodeServerSecret(engine, secret);
      secret.destroy();
      return transferring(bytes, [bytes.buffer as ArrayBuffer]);
    },
  };
}

function refuseReceipt(what: string): never {
  throw new MilagroError("ERR_RECEIPT_INVALID", `the receipts do not vouch for this registration: ${what}`);
}

/** All but the signatures. @throws `ERR_RECEIPT_INVALID` */
function checkReceipts(
  domain: TrustDomain,
  { identity, receipts, dvs }: Registration,
  now: number,
  maxAgeSeconds: number,
): void {
  const indices = new Set(receipts.map(({ index }) => index));
  if (receipts.length !== domain.authorities.length || indices.size !== receipts.length)
    refuseReceipt("there must be one of each D-TA");
  for (const receipt of receipts) {
    if (receipt.index > domain.authorities.length) refuseReceipt("one is of a D-TA that the domain does not have");
    if (!equalBytes(receipt.domainId, domain.domainId)) refuseReceipt("one is of another domain");
    if (receipt.identity !== identity) refuseReceipt("one is for another identity");
    if (!vouchesFor(receipt, dvs.key)) refuseReceipt("one is not for this key of the user's");
    if (receipt.time > now + 300 || receipt.time < now - maxAgeSeconds)
      refuseReceipt("one is too old, or from the future");
  }
}

function vouchesFor({ keys }: Receipt, own: Uint8Array): boolean {
  return keys.some(
    (key) => key.usage === "mpin" && key.epoch === NO_EXPIRY && key.dvs !== undefined && equalBytes(key.dvs.key, own),
  );
}
