/**
 * What a command works with once it needs more than text: engine, network, the pinned domain, the keys of an identity.
 * @module
 */
import type { ClientDeps } from "@milagro/client/deps";
import { encodeKnownDomain, type KnownDomain, openKnownDomain } from "@milagro/client/known-domain";
import { type Identity, parseIdentity, splitIdentity } from "@milagro/crypto/identity";
import { createIdentityStore, type IdentityStore, openIdentityStore } from "@milagro/endpoint/identity-store";
import { createEngine, type Engine } from "@milagro/engine";
import { MilagroError } from "@milagro/engine/error";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { sleep, systemClock } from "@milagro/runtime/clock";
import { systemRandom } from "@milagro/runtime/random";
import { nativeX25519 } from "@milagro/runtime/x25519";
import type { Context } from "./command.ts";
import { lookForLater } from "./later-descriptor.ts";
import { type CliHttp, readPassphraseFor, withHttp } from "./ports.ts";
import { keyFile, listDomains, listIdentities, readKnownDomain } from "./profile.ts";

let sharedEngine: Promise<Engine> | undefined;

/** One engine per process: its self-test and its tables cost more than most commands. */
export function engineOf(): Promise<Engine> {
  sharedEngine ??= createEngine({ random: systemRandom });
  return sharedEngine;
}

/**
 * The domain that the command means: `--domain`, else that of the identity, else the only one that is pinned.
 * @throws `ERR_DOMAIN_UNKNOWN`
 */
export async function openDomain(context: Context, identity?: Identity): Promise<TrustDomain> {
  return verified(await engineOf(), await knownDomain(context, identity));
}

/** As `openDomain`, after a look at the D-KMS for a newer descriptor. */
export async function openNewestDomain(
  context: Context,
  http: CliHttp,
  when: "due" | "now",
  identity?: Identity,
): Promise<{ readonly domain: TrustDomain; readonly refused?: MilagroError }> {
  const engine = await engineOf();
  const pinned = await knownDomain(context, identity);
  const through = (known: KnownDomain): Promise<void> =>
    http.through({ engine, random: systemRandom, clock: systemClock, domain: verified(engine, known) });
  await through(pinned);
  const { known, ...sight } = await lookForLater(context, engine, http, pinned, when);
  if (known !== pinned) await through(known);
  return { domain: verified(engine, known), ...sight };
}

async function knownDomain({ settings }: Context, identity?: Identity): Promise<KnownDomain> {
  const name = settings.domain ?? (identity ? splitIdentity(identity).domain : await onlyDomain(settings.home));
  return readKnownDomain(settings.home, name);
}

/** Domains that this process has verified, by the very bytes: `milagro dev` runs many commands in one process. */
const verifiedDomains = new Map<string, TrustDomain>();

function verified(engine: Engine, known: KnownDomain): TrustDomain {
  const text = JSON.stringify(encodeKnownDomain(known));
  const domain = verifiedDomains.get(text) ?? openKnownDomain(engine, systemRandom, known);
  verifiedDomains.set(text, domain);
  return domain;
}

/** `--id`, else the only identity whose keys are here. @throws `ERR_KEY_MISSING`, `ERR_IDENTITY_INVALID` */
export async function ownIdentity(context: Context): Promise<Identity> {
  const { identity, home } = context.settings;
  if (identity !== undefined) return parseIdentity(identity);
  const [first, ...others] = await listIdentities(home);
  if (first === undefined) throw new MilagroError("ERR_KEY_MISSING", `no identity has keys in ${home}`);
  if (others.length > 0)
    throw new MilagroError("ERR_KEY_MISSING", "several identities have keys here: say which with --id");
  return first;
}

/** `offline`: the command can do without the network, so nobody is asked for a newer descriptor. */
export type Reach = "online" | "offline";

/** What the client library is given; `work` runs with it. */
export async function withClient<T>(
  context: Context,
  identity: Identity | undefined,
  work: (deps: ClientDeps) => Promise<T>,
  reach: Reach = "online",
): Promise<T> {
  const engine = await engineOf();
  return withHttp(async (http) => {
    const domain =
      reach === "offline" ? await openDomain(context, identity) : await newestOrNote(context, http, identity);
    return work({
      engine,
      random: systemRandom,
      clock: systemClock,
      sleep: (ms) => sleep(ms, context.signal),
      http,
      domain,
      x25519: nativeX25519,
      kmsUrl: context.settings.kms,
    });
  });
}

async function newestOrNote(context: Context, http: CliHttp, identity: Identity | undefined): Promise<TrustDomain> {
  const { domain, refused } = await openNewestDomain(context, http, "due", identity);
  if (refused)
    context.note(
      `Note: the D-KMS offers a descriptor that is refused: ${refused.message} (${refused.code}). The pinned one stays in use; ask the domain's operators.`,
    );
  return domain;
}

/** As `withClient`, with the identity's keys, which are wiped afterwards. */
export async function asIdentity<T>(
  context: Context,
  work: (deps: ClientDeps, store: IdentityStore) => Promise<T>,
  reach: Reach = "online",
): Promise<T> {
  const identity = await ownIdentity(context);
  const act = async (deps: ClientDeps): Promise<T> => {
    const store = await openStore(context, deps, identity);
    try {
      return await work(deps, store);
    } finally {
      await store.close();
    }
  };
  return withClient(context, identity, act, reach);
}

/** @throws `ERR_KEY_MISSING` when the identity has not enrolled here */
export async function openStore(context: Context, deps: ClientDeps, identity: Identity): Promise<IdentityStore> {
  const passphrase = await readPassphraseFor(context, identity);
  try {
    return await openIdentityStore({ path: keyFile(context.settings.home, identity), passphrase, ...deps, identity });
  } catch (error) {
    if (!(error instanceof MilagroError) || error.code !== "ERR_FILE_MISSING") throw error;
    throw new MilagroError("ERR_KEY_MISSING", `${identity} has no keys in ${context.settings.home}`);
  } finally {
    passphrase.destroy();
  }
}

/** @throws `ERR_FILE_EXISTS` */
export async function createStore(context: Context, deps: ClientDeps, identity: Identity): Promise<IdentityStore> {
  const passphrase = await readPassphraseFor(context, identity, "new");
  try {
    return await createIdentityStore({ path: keyFile(context.settings.home, identity), passphrase, ...deps, identity });
  } finally {
    passphrase.destroy();
  }
}

async function onlyDomain(home: string): Promise<string> {
  const [first, ...others] = await listDomains(home);
  if (first === undefined) throw new MilagroError("ERR_DOMAIN_UNKNOWN", `no domain is pinned in ${home}`);
  if (others.length > 0) {
    throw new MilagroError(
      "ERR_DOMAIN_UNKNOWN",
      `several domains are pinned: say which with --domain (${[first, ...others].join(", ")})`,
    );
  }
  return first;
}
