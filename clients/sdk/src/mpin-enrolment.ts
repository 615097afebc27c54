/**
 * Enrolling a device: a request key and the user's own key are drawn and stored, every D-TA is brought evidence and answers with
 * proven shares, the user chooses a PIN, the login server registers the device, and only then there is an account. Every step is
 * stored before it is sent; `resumeEnrolment` goes on after a crash with the very same request.
 *
 *   begin → evidence to each D-TA (codes, tokens, another device) → submit until `issued` → finish with a PIN → `registered`
 *
 * The whole engine is loaded for this, once: the user's own key takes one multiplication in G2, which a login never needs.
 * @module
 */
import { wipe } from "@milagro/crypto/bytes";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { encodeDvsKey, generateDvsKey, proveDvsKey } from "@milagro/crypto/mpin-dvs";
import { dvsInput, type MpinIdentity, mpinIdentity, parseMpinIdentity } from "@milagro/crypto/mpin-identity";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { LoginService } from "@milagro/protocol/login-messages";
import { beginMpinEnrolment } from "@milagro/protocol/mpin-issuance";
import { AskingEnrolment } from "./mpin-enrolment-asking.ts";
import {
  type AskingRecord,
  dropEnrolment,
  ENROLMENT_PREFIX,
  loadEnrolment,
  storeAsking,
} from "./mpin-enrolment-record.ts";
import { RegisteringEnrolment } from "./mpin-enrolment-registering.ts";
import type { MpinClient } from "./mpin-ports.ts";
import { type DomainPin, loginDomainOf, serviceDomain } from "./mpin-service.ts";

/** An enrolment under way, by its stage. */
export type PendingEnrolment = AskingEnrolment | RegisteringEnrolment;

/** Gives the whole engine: `createEngine` of `@milagro/engine`, imported when this is called. */
export type LoadEngine = () => Promise<Engine>;

const DEVICE_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const DEVICE_LENGTH = 10;

/**
 * Begins, and stores what it takes to go on; nothing is sent to a D-TA yet.
 * @param options.service - from `fetchLoginService`
 * @param options.user - a name or a lower-case e-mail address
 * @param options.label - what the user calls this device: one line of up to 64 characters
 * @throws `ERR_IDENTITY_INVALID` for a user that cannot be one; what `serviceDomain` throws
 */
export async function beginEnrolment(
  client: MpinClient,
  options: {
    readonly service: LoginService;
    readonly user: string;
    readonly label: string;
    readonly loadEngine: LoadEngine;
    readonly pin?: DomainPin;
  },
): Promise<AskingEnrolment> {
  const { service, user, label, loadEngine } = options;
  const { random } = client;
  const domainName = service.descriptor.descriptor.name;
  const identity = mpinIdentity({ domain: domainName, service: service.service, user, device: drawDevice(client) });
  const engine = await loadEngine();
  const domain = await serviceDomain(client, engine, service, options.pin);
  const key = generateDvsKey(engine);
  const z = encodeDvsKey(engine, key);
  const proof = proveDvsKey(engine, key, dvsInput(domain.domainId, identity, NO_EXPIRY, key.input));
  const dvs = { key: key.input, proof };
  key.destroy();
  const nowMs = client.clock();
  const enrolment = await beginMpinEnrolment({ random, domain, identity, dvs, nowMs });
  const record: AskingRecord = {
    stage: "asking",
    origin: client.origin,
    label,
    created: Math.floor(nowMs / 1000),
    signed: service.descriptor,
    descriptorHash: domain.descriptorHash,
    pinPolicy: service.policy.pin,
    requests: [],
  };
  const secrets = { enrolment, z };
  await storeAsking(client, record, secrets);
  return new AskingEnrolment(client, engine, domain, record, secrets);
}

/** Enrolments that were begun here for this server and are not finished, the newest first. What cannot be read cannot go on, and is left out. */
export async function listEnrolments(client: MpinClient): Promise<readonly MpinIdentity[]> {
  const keys = await client.storage.keys(ENROLMENT_PREFIX);
  const mine: { readonly identity: MpinIdentity; readonly created: number }[] = [];
  for (const key of keys) {
    const found = await readable(client, key.slice(ENROLMENT_PREFIX.length));
    if (!found) continue;
    const { identity, loaded } = found;
    if ("secrets" in loaded) {
      loaded.secrets.enrolment.privateKey.destroy();
      wipe(loaded.secrets.z);
    } else wipe(loaded.account);
    if (loaded.record.origin !== client.origin) continue;
    mine.push({ identity, created: loaded.record.created });
  }
  return mine.sort((a, b) => b.created - a.created).map(({ identity }) => identity);
}

async function readable(client: MpinClient, name: string) {
  try {
    const identity = parseMpinIdentity(name);
    const loaded = await loadEnrolment(client, identity);
    return loaded && { identity, loaded };
  } catch (error) {
    if (!(error instanceof MilagroError) || error.code === "ERR_STORAGE_UNAVAILABLE") throw error;
    return undefined;
  }
}

/**
 * Goes on after a crash, or after the page was closed.
 * @returns undefined when there is none, or it turns out to have been finished
 * @throws `ERR_KEYSTORE_CORRUPT`
 */
export async function resumeEnrolment(
  client: MpinClient,
  identity: MpinIdentity,
  loadEngine: LoadEngine,
): Promise<PendingEnrolment | undefined> {
  const loaded = await loadEnrolment(client, identity);
  if (!loaded || loaded.record.origin !== client.origin) return undefined;
  if ("account" in loaded) return RegisteringEnrolment.resume(client, loaded.record, loaded.account);
  const engine = await loadEngine();
  const { signed, descriptorHash } = loaded.record;
  const domain = loginDomainOf(engine, client.random, signed, { descriptorHash });
  return new AskingEnrolment(client, engine, domain, loaded.record, loaded.secrets);
}

/** Gives an enrolment up: its secrets are forgotten, and evidence that was spent on it is lost. */
export async function abandonEnrolment(client: MpinClient, identity: MpinIdentity): Promise<void> {
  await dropEnrolment(client, identity);
}

/** Ten letters and digits, each equally likely: bytes from 252 on are drawn again. */
function drawDevice({ random }: MpinClient): string {
  let text = "";
  while (text.length < DEVICE_LENGTH) {
    for (const byte of random(16)) if (byte < 252) text += DEVICE_ALPHABET[byte % DEVICE_ALPHABET.length];
  }
  return text.slice(0, DEVICE_LENGTH);
}
