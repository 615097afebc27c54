/**
 * Approval of a further device as evidence (QuickCode): the user's other device has signed this request, and the login server, where that
 * device has just logged in with its PIN, says so. This D-TA must have issued that device's keys itself, and must not have denied it since.
 * Approvals are spent like grants.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { formatDomainId } from "@milagro/crypto/domain-id";
import { matchesIdentity } from "@milagro/crypto/identity";
import { type MpinIdentity, parseMpinIdentity, splitMpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import { APPROVAL_SECONDS, isOtherDevice } from "@milagro/protocol/device-approval";
import type { OpenedRequest } from "@milagro/protocol/issuance";
import type { Evidence } from "@milagro/protocol/issuance-messages";
import { errors, importJWK, type JWK, jwtVerify } from "jose";
import type { DtaContext, FoundedDomain } from "./context.ts";
import { claimsOf, type GrantVerdict, matchesService, type SpentGrant } from "./grant.ts";

type Approval = Extract<Evidence, { type: "device" }>;

/** A good approval also says by which device, for the store to know it. */
export type ApprovalVerdict = GrantVerdict & { readonly approver?: MpinIdentity };

const INVALID: ApprovalVerdict = { type: "device", ok: false, code: "ERR_EVIDENCE_INVALID" };
const MAX_JTI = 128;
const CLOCK_TOLERANCE_SECONDS = 60;

/** Cheapest first; the signature takes pairings, in the issuer's thread. */
export async function judgeApproval(
  context: DtaContext,
  domain: FoundedDomain,
  opened: OpenedRequest,
  piece: Approval,
): Promise<ApprovalVerdict> {
  const devices = devicesOf(opened.request.identity, piece.device);
  if (devices === undefined) return INVALID;
  const { denied } = context.policy.current;
  if ([...context.now.denied, ...denied].some((pattern) => matchesIdentity(pattern, devices.approver))) return INVALID;
  const spends = await judgeToken(context, domain, opened, devices, piece.approval);
  if (spends === undefined) return INVALID;
  const { approver } = devices;
  const { requestHash } = opened;
  const signed = await context.issuer.call("verifyApproval", { approver, requestHash, signature: piece.signature });
  return signed ? { type: "device", ok: true, spends, approver } : INVALID;
}

interface Devices {
  readonly fresh: MpinIdentity;
  readonly approver: MpinIdentity;
}

function devicesOf(identity: string, device: string): Devices | undefined {
  try {
    const fresh = parseMpinIdentity(identity);
    const approver = parseMpinIdentity(device);
    return isOtherDevice(fresh, approver) ? { fresh, approver } : undefined;
  } catch (error) {
    if (error instanceof MilagroError) return undefined;
    throw error;
  }
}

/** What to mark as spent, when the login server's word is good for this request. */
async function judgeToken(
  context: DtaContext,
  domain: FoundedDomain,
  { requestHash }: OpenedRequest,
  { fresh, approver }: Devices,
  jwt: string,
): Promise<SpentGrant | undefined> {
  const nowMs = context.clock();
  const claimed = claimsOf(jwt)?.iss;
  const server = context.policy.current.loginServers?.find(({ name }) => name === claimed);
  const { service } = splitMpinIdentity(fresh);
  if (server === undefined || !server.services.some((pattern) => matchesService(pattern, service))) return undefined;
  try {
    const { payload } = await jwtVerify(jwt, await importJWK(server.publicKey as JWK, "EdDSA"), {
      algorithms: ["EdDSA", "Ed25519"],
      issuer: server.name,
      audience: formatDomainId(domain.domainId),
      subject: fresh,
      currentDate: new Date(nowMs),
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ["exp", "jti", "request_hash", "device"],
    });
    const { jti, exp } = payload;
    if (payload["request_hash"] !== encodeBase64url(requestHash) || payload["device"] !== approver) return undefined;
    if (typeof jti !== "string" || jti.length === 0 || jti.length > MAX_JTI || exp === undefined) return undefined;
    if (exp * 1000 > nowMs + (APPROVAL_SECONDS + CLOCK_TOLERANCE_SECONDS) * 1000) return undefined;
    // A line break cannot stand in a registrar's name, so an approval never looks like a grant.
    return { registrar: `device\n${server.name}`, jti, expiresMs: exp * 1000 };
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
    throw error;
  }
}
