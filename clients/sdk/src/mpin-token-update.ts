/**
 * Updating a token to the newest `mpin` master of its domain: the later descriptor is verified beside what the account knows, every D-TA
 * hands out its part on a request that the device signs, each part is checked, and the new token takes the old one's place in one write.
 * No PIN is needed, and none is changed. It takes the whole engine, once.
 * @module
 */
import { equalBytes, wipe } from "@milagro/crypto/bytes";
import { decodeG1 } from "@milagro/crypto/mpin-key";
import { encodeToken } from "@milagro/crypto/mpin-token";
import { updateToken } from "@milagro/crypto/mpin-token-making";
import type { TokenUpdateShare } from "@milagro/crypto/mpin-update";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { LoginService } from "@milagro/protocol/login-messages";
import {
  beginTokenUpdate,
  combineTokenUpdates,
  openTokenUpdate,
  type PendingTokenUpdate,
} from "@milagro/protocol/token-update";
import { encodeTokenUpdateRequest, parseTokenUpdateAnswer } from "@milagro/protocol/token-update-messages";
import { type TrustDomain, verifyLaterDescriptor } from "@milagro/protocol/trust-domain";
import { type Account, type AccountAuthority, type OpenAccount, openAccount } from "./mpin-account.ts";
import { replaceToken } from "./mpin-account-write.ts";
import { callMpin } from "./mpin-call.ts";
import type { LoadEngine } from "./mpin-enrolment.ts";
import type { MasterAway, NoPermit, Outdated } from "./mpin-outcomes.ts";
import type { MpinClient, UpdateAccount } from "./mpin-ports.ts";
import { fetchLoginService } from "./mpin-service.ts";
import { isOutage } from "./outage.ts";

/** What `loadUpdate` of the ports is to give. */
export const tokenUpdater =
  (loadEngine: LoadEngine): UpdateAccount =>
  async (client, identity) => {
    const service = await fetchLoginService(client).catch((error: unknown): MasterAway => {
      if (!isOutage(error)) throw error;
      return { outcome: "offline", code: error.code, sent: false };
    });
    if ("outcome" in service) return service;
    const engine = await loadEngine();
    for (;;) {
      const opened = await openAccount(client, identity);
      try {
        const result = await update(client, engine, service, opened);
        if (result !== "again") return result;
      } finally {
        opened.destroy();
      }
    }
  };

/** `again`: another window has changed the token meanwhile. */
async function update(
  client: MpinClient,
  engine: Engine,
  service: LoginService,
  opened: OpenAccount,
): Promise<NoPermit | Outdated | undefined | "again"> {
  const { account, token, signatureKey: key } = opened;
  const domain = laterDomain(client, engine, service, account);
  if (domain.masterEpoch === account.master) return undefined;
  const pending = await beginTokenUpdate({
    engine: client.engine,
    random: client.random,
    domainId: account.domainId,
    identity: account.identity,
    dvsKey: account.dvsKey,
    from: account.master,
    to: domain.masterEpoch,
    key,
    publicKey: { hash: account.publicKeyHash },
  });
  try {
    const shares = await askAll(client, domain, opened, pending);
    if ("outcome" in shares) return shares;
    const sum = combineTokenUpdates(client.engine, shares);
    const updated = updateToken(client.engine, token, sum);
    sum.destroy();
    const bytes = { from: encodeToken(client.engine, token), to: encodeToken(client.engine, updated) };
    updated.destroy();
    try {
      const written = await replaceToken(client, account.identity, bytes, {
        authorities: domain.authorities.map(({ entry: { index, name, url, keys } }) => ({
          index,
          name,
          url,
          mpinKey: keys.mpin.g1,
        })),
        descriptorHash: domain.hash,
        sequence: domain.descriptor.sequence,
        master: domain.masterEpoch,
      });
      return written ? undefined : "again";
    } finally {
      wipe(bytes.from, bytes.to);
    }
  } finally {
    pending.privateKey.destroy();
  }
}

/**
 * The newest descriptor of the account's domain, believed beside its first one, whose hash the account has, and not older than the one
 * that the account knows.
 * @throws `ERR_DESCRIPTOR_STALE`, `ERR_DESCRIPTOR_PIN`, `ERR_DESCRIPTOR_FORGED`, `ERR_PUBLIC_KEY_INVALID`
 */
function laterDomain(client: MpinClient, engine: Engine, service: LoginService, account: Account): TrustDomain {
  const { descriptor: signed, genesis = signed } = service;
  const domain = verifyLaterDescriptor(engine, client.random, { genesis, signed }, account.domainId);
  const ahead = domain.descriptor.sequence - account.sequence;
  if (ahead < 0 || domain.masterEpoch < account.master)
    throw new MilagroError("ERR_DESCRIPTOR_STALE", "a newer descriptor of this domain was seen before");
  if (ahead === 0 && !equalBytes(domain.hash, account.descriptorHash))
    throw new MilagroError("ERR_DESCRIPTOR_FORGED", "two different descriptors with one sequence number");
  return domain;
}

/** Every D-TA's part, checked; or the first reason why not. @throws `ERR_SHARE_INVALID` naming a D-TA that lied */
async function askAll(
  client: MpinClient,
  domain: TrustDomain,
  { account, input }: OpenAccount,
  pending: PendingTokenUpdate,
): Promise<readonly TokenUpdateShare[] | NoPermit | Outdated> {
  const { engine } = client;
  const body = encodeTokenUpdateRequest(pending.request);
  const parts = await Promise.allSettled(
    domain.authorities.map(
      async ({ entry: { index, name, url, keys } }, i): Promise<TokenUpdateShare | NoPermit | Outdated> => {
        try {
          const call = {
            method: "POST",
            url: `${url.replace(/\/+$/, "")}/v1/mpin/updates`,
            body,
            idempotent: true,
          } as const;
          const answer = await callMpin(client, call, parseTokenUpdateAnswer);
          const { mpinKey: known } = account.authorities[i] as AccountAuthority;
          const mpinKey = { before: decodeG1(engine, known), after: decodeG1(engine, keys.mpin.g1) };
          return await openTokenUpdate({ engine, input, pending, authority: { index, name, mpinKey }, answer });
        } catch (error) {
          if (!(error instanceof MilagroError) || error.code === "ERR_SHARE_INVALID") throw error;
          return reasonOf(error, { index, name });
        }
      },
    ),
  );
  const got = parts.flatMap((part) => (part.status === "fulfilled" ? [part.value] : []));
  const isShare = (part: TokenUpdateShare | NoPermit | Outdated): part is TokenUpdateShare => !("outcome" in part);
  const shares = got.filter(isShare);
  if (shares.length === parts.length) return shares;
  for (const share of shares) share.destroy();
  const failed = parts.find((part) => part.status === "rejected");
  if (failed) throw failed.reason;
  const reasons = got.flatMap((part) => (isShare(part) ? [] : [part]));
  const first = ["outdated", "revoked", "offline"].flatMap((kind) =>
    reasons.filter(({ outcome }) => outcome === kind),
  )[0];
  return first as NoPermit | Outdated; // none was rejected and not all are shares
}

function reasonOf(error: MilagroError, authority: NoPermit["authority"]): NoPermit | Outdated {
  const { code } = error;
  if (code === "ERR_MASTER_OVER") return { outcome: "outdated", code, authority };
  return { outcome: isOutage(error) ? "offline" : "revoked", code, authority };
}
