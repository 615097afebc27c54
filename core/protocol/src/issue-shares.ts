/**
 * What a D-TA computes once it has decided: one share for each key of a request. Slow; a service runs it in a worker. Decide and
 * audit before.
 * @module
 */
import { wipe } from "@milagro/crypto/bytes";
import { type IdentityInput, identityInput } from "@milagro/crypto/identity-input";
import { encodeIdentityKeyShare, type IdentityKeyShare, issueIdentityKeyShares } from "@milagro/crypto/identity-key";
import { proveIdentityKeyShare } from "@milagro/crypto/identity-key-proof";
import type { MasterSecretShare } from "@milagro/crypto/master-secret";
import { verifyDvsKey } from "@milagro/crypto/mpin-dvs";
import {
  dvsInput,
  isDvsInput,
  type MpinInput,
  mpinInput,
  parseDvsPublicKey,
  parseMpinIdentity,
} from "@milagro/crypto/mpin-identity";
import { encodeClientSecretShare, issueClientSecretShare } from "@milagro/crypto/mpin-key";
import { encodeServerSecretShare, issueServerSecretShare } from "@milagro/crypto/mpin-server-key";
import { IDENTITY_USAGES } from "@milagro/crypto/usage";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { IdentityKeyRequest, IssuanceClaim, KeyRequest, MpinKeyRequest, Share } from "./issuance-messages.ts";

/** The masters that keys come from. */
export interface IssuingMasters {
  readonly id: MasterSecretShare<"id">;
  /** Of the epoch that the request names (`masterEpochIn`); not needed where it asks for no key of it. */
  readonly mpin?: MasterSecretShare<"mpin">;
}

type Subject = Pick<IssuanceClaim, "domainId" | "identity">;
type Request = Subject & Pick<IssuanceClaim, "keys" | "proofs">;

/**
 * That every user's own key in the request is one, and known to the requester. Before the decision: what is issued for a key that nobody
 * proved would let the holder of a server secret log in as the user.
 * @throws `ERR_PUBLIC_KEY_INVALID`; `ERR_MESSAGE_INVALID` for more than one client secret: a device has one, and checking is not free
 */
export function checkDvsClaims(engine: Engine, request: Request): void {
  if (request.keys.filter(({ usage }) => usage === "mpin").length > 1)
    throw new MilagroError("ERR_MESSAGE_INVALID", "a request is for one client secret at most");
  for (const key of request.keys) {
    if (key.usage !== "mpin" || key.dvs === undefined) continue;
    const input = mpinInputOf(engine, request, key);
    if (!isDvsInput(input) || !verifyDvsKey(engine, input, key.dvs.proof))
      throw new MilagroError("ERR_PUBLIC_KEY_INVALID", "the requester does not prove that it knows the DVS key");
  }
}

/** The M-Pin input that a request for a client secret names. @throws `ERR_IDENTITY_INVALID`, `ERR_PUBLIC_KEY_INVALID` */
function mpinInputOf(engine: Engine, { domainId, identity }: Subject, { epoch, dvs }: MpinKeyRequest): MpinInput {
  const device = parseMpinIdentity(identity);
  return dvs === undefined
    ? mpinInput(domainId, device, epoch)
    : dvsInput(domainId, device, epoch, parseDvsPublicKey(engine, dvs.key));
}

/**
 * The epoch of the `mpin` master that a request asks for keys of; undefined where it asks for none.
 * @throws `ERR_MESSAGE_INVALID` for more than one
 */
export function masterEpochIn(keys: readonly KeyRequest[]): number | undefined {
  const epochs = keys.flatMap((key) => (key.usage === "mpin" || key.usage === "mpin-server" ? [key.master ?? 0] : []));
  if (new Set(epochs).size > 1)
    throw new MilagroError("ERR_MESSAGE_INVALID", "a request is for keys of one epoch of the mpin master");
  return epochs[0];
}

/** This D-TA's shares of all requested keys, in their order. Deterministic. */
export function issueShares(engine: Engine, masters: IssuingMasters, request: Request): Share[] {
  const identityKeys = request.keys.filter(isIdentityKey);
  const identityShares = issueIdentityShares(engine, masters.id, request, identityKeys);
  return request.keys.map(
    (key) =>
      identityShares[identityKeys.indexOf(key as IdentityKeyRequest)] ?? issueShare(engine, masters, request, key),
  );
}

const isIdentityKey = (key: KeyRequest): key is IdentityKeyRequest =>
  (IDENTITY_USAGES as readonly string[]).includes(key.usage);

function issueShare(engine: Engine, masters: IssuingMasters, request: Request, key: KeyRequest): Share {
  switch (key.usage) {
    case "mpin":
      return issueMpinShare(engine, mpinOf(masters), request, key);
    case "mpin-server": {
      const share = issueServerSecretShare(engine, mpinOf(masters));
      const g2 = encodeServerSecretShare(engine, share);
      share.destroy();
      return { usage: "mpin-server", epoch: key.epoch, g2 };
    }
    default:
      throw new TypeError("attribute keys are issued in attribute-issuance, on the approvals of all D-TAs");
  }
}

function mpinOf({ mpin }: IssuingMasters): MasterSecretShare<"mpin"> {
  if (mpin === undefined) throw new TypeError("which share of the mpin master was not said");
  return mpin;
}

function issueMpinShare(
  engine: Engine,
  master: MasterSecretShare<"mpin">,
  request: Request,
  key: MpinKeyRequest,
): Share {
  const { share, proof } = issueClientSecretShare(engine, master, mpinInputOf(engine, request, key));
  const g1 = encodeClientSecretShare(engine, share);
  share.destroy();
  return { usage: "mpin", epoch: key.epoch, g1, proof };
}

/** All with one master secret share: together they take less time than one by one. */
function issueIdentityShares(
  engine: Engine,
  master: MasterSecretShare<"id">,
  request: Request,
  keys: readonly IdentityKeyRequest[],
): Share[] {
  const wanted = keys.map(({ usage, epoch }) => ({
    input: identityInput(request.domainId, usage, request.identity, epoch),
    usage,
  }));
  return issueIdentityKeyShares(engine, master, wanted).map((share, i) => {
    const { epoch } = keys[i] as IdentityKeyRequest;
    const { input, usage } = wanted[i] as (typeof wanted)[number];
    try {
      return encodeShare(engine, master, request, { share, input, usage, epoch });
    } finally {
      share.destroy();
    }
  });
}

function encodeShare(
  engine: Engine,
  master: MasterSecretShare<"id">,
  request: Request,
  { share, input, usage, epoch }: IdentityKeyRequest & { share: IdentityKeyShare; input: IdentityInput },
): Share {
  const encoded = encodeIdentityKeyShare(engine, share);
  if (usage === "enc") return { usage, epoch, g1: encoded };
  if (usage === "sig") {
    const sig = share as IdentityKeyShare<"sig">;
    const proof = request.proofs ? { proof: proveIdentityKeyShare(engine, master, input, sig) } : {};
    return { usage, epoch, g1: encoded, ...proof };
  }
  const parts = { g1: encoded.slice(0, engine.g1.encodedLength), g2: encoded.slice(engine.g1.encodedLength) };
  wipe(encoded);
  return { usage, epoch, ...parts };
}
