/**
 * Killing any process at any moment of the main job, and looking at what is left.
 * @module
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createKmsClient } from "@milagro/client/kms-client";
import { putSecret } from "@milagro/client/secrets";
import { utf8 } from "@milagro/crypto/bytes";
import { encodeMasterSecretShare, type MasterSecretShare, SCHEMES, type Scheme } from "@milagro/crypto/master-secret";
import { MilagroError } from "@milagro/engine/error";
import { kmsIdentity } from "@milagro/protocol/bus-token";
import { parseSecretPath } from "@milagro/protocol/secret-path";
import { createHttpClient } from "@milagro/runtime/http-client";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { systemRandom as random } from "@milagro/runtime/random";
import { expect } from "vitest";
import { run } from "../../clients/cli/test/run-cli.ts";
import { homeOf } from "../../services/dta/src/config.ts";
import { unsealMasters } from "../../services/dta/src/masters.ts";
import { allFiles, forms } from "../e2e/milagro.ts";
import { PATIENT } from "../support/patient.ts";
import { COUNT, createWorld, engine, PASSPHRASE, type Service, type World, type WorldOptions, who } from "./world.ts";

/** Between two actions of one party: this is about moments, not about load. */
const PACE_MS = 250;
export const PATH = parseSecretPath("app/key");

/** What the endpoint serves now; undefined while it cannot be asked. */
export async function served(world: World, name: string): Promise<{ version: number; value: string } | undefined> {
  const client = createHttpClient({ url: `unix:${join(world.folder, name, "endpoint.sock")}`, retries: 0 });
  try {
    const headers = { accept: "application/json" };
    const { body } = await client.request({ path: `/v1/secrets/${PATH}`, headers });
    const { version, value } = body as { version: number; value: string };
    return { version, value: Buffer.from(value, "base64url").toString() };
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}

export async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + PATIENT.timeout;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`it did not happen in time: ${what}`);
    await pause(50);
  }
}

/**
 * Kills one process after the other, each some time after its last start, while people enrol, an endpoint enrols and a secret gets version after version.
 * @param kills - of a D-TA, the D-KMS and the endpoint in turn
 */
export async function survive(kills: number, options: WorldOptions = {}): Promise<void> {
  const world = await createWorld(options);
  try {
    const alice = await world.person("alice");
    const endpoint = await world.endpoint("web");
    const all: readonly Service[] = [...world.dtas, world.kms, endpoint];
    // Every third is some D-TA, the others are the D-KMS and the endpoint.
    const victimAt = (i: number): Service =>
      [world.dtas[Math.floor(Math.random() * COUNT)] as Service, world.kms, endpoint][i % 3] as Service;

    const values = new Map<number, string>();
    const acknowledged = new Set<number>();
    let version = 1;
    let stop = false;
    const putting = (async () => {
      while (!stop || acknowledged.size === 0) {
        const value = values.get(version) ?? `value ${version}, never to be printed`;
        values.set(version, value);
        const secret = { path: PATH, recipients: [who("endpoint/web")], plaintext: utf8(value), version };
        try {
          await putSecret(world.deps, alice, secret);
          acknowledged.add(version++);
          await pause(PACE_MS);
        } catch (error) {
          if (!(error instanceof MilagroError)) throw error;
          // It was stored, and the answer got lost with the process.
          if (error.code === "ERR_VERSION_CONFLICT") version++;
          else expect(["ERR_UNREACHABLE", "ERR_TIMEOUT", "ERR_OVERLOADED"]).toContain(error.code);
          await pause(20);
        }
      }
    })();
    const enrolled: string[] = [];
    const enrolling = (async () => {
      for (let n = 1; !stop || enrolled.length === 0; n++) {
        await world.person(`visitor-${n}`);
        enrolled.push(who(`person/visitor-${n}`));
        await pause(PACE_MS);
      }
    })();
    const work = Promise.all([putting, enrolling]);
    work.catch(() => {});
    for (let i = 0; i < kills; i++) {
      const victim = victimAt(i);
      await Promise.race([pause(Math.random() * 400), work]);
      expect(await victim.end("SIGKILL")).toBe("SIGKILL");
      await victim.start();
    }
    stop = true;
    await work;

    await eventually(`version ${version - 1} at the endpoint`, async () => {
      const now = await served(world, "web");
      return now !== undefined && now.version >= version - 1 ? now : undefined;
    });
    const now = await served(world, "web");
    expect(now?.value).toBe(values.get(now?.version ?? 0));

    const kms = createKmsClient(world.deps, alice);
    const versions = (await kms.versions(PATH)).versions.map((v) => v.version).reverse();
    expect(versions).toEqual(versions.map((_, i) => i + 1));
    for (const each of acknowledged) expect(versions).toContain(each);

    await expectOneIssuanceEach(world, [
      ...enrolled,
      who("endpoint/web"),
      who("person/alice"),
      ...(options.over === "channels" ? [kmsIdentity(world.domain)] : []),
    ]);
    for (const source of [...world.dtas.map((_, i) => world.dtaHome(i + 1)), join(world.folder, "kms")]) {
      const verdict = await run(["audit", "verify", source]);
      expect([verdict.stderr, verdict.status]).toEqual(["", 0]);
    }
    await expectNothingSecret(world, all);
  } finally {
    await world.close();
  }
}

/** Every D-TA has recorded each identity's enrolment by token, once: no token was spent without a record, none twice. */
async function expectOneIssuanceEach(world: World, identities: readonly string[]): Promise<void> {
  for (let index = 1; index <= COUNT; index++) {
    const byToken: string[] = [];
    const client = createHttpClient({ url: world.domain.descriptor.authorities[index - 1]?.url ?? "" });
    for (let after = 0; ; ) {
      const { body } = await client.request({ path: "/v1/log", query: { after, limit: 1000 } });
      const { entries } = body as {
        entries: { index: number; action: string; outcome: string; subject?: string; details: { evidence?: string } }[];
      };
      for (const { action, outcome, subject, details } of entries)
        if (action === "issue" && outcome === "ok" && details.evidence === "join-token") byToken.push(subject ?? "");
      const last = entries.at(-1);
      if (!last) break;
      after = last.index;
    }
    client.close();
    expect(byToken.sort()).toEqual([...identities].sort());
  }
}

/**
 * Searches all that came out of a whole run: what was printed and logged, databases and other files, metrics and API documents, and what the system shows of the processes. Passphrases and
 * evidence may be in the files they came in and nowhere else; plaintexts nowhere.
 */
async function expectNothingSecret(world: World, services: readonly Service[]): Promise<void> {
  const own = /\/(passphrase|evidence)$/;
  const places: [name: string, content: Buffer][] = allFiles(world.folder)
    .filter(({ path }) => !own.test(path))
    .map(({ path, content }) => [path, content]);
  for (const service of services) {
    places.push([`output of ${service.name}`, Buffer.from(service.output)]);
    for (const file of ["cmdline", "environ"])
      places.push([`${file} of ${service.name}`, await readFile(`/proc/${service.pid}/${file}`)]);
  }
  const urls = [...world.domain.descriptor.authorities.map(({ url }) => url), world.domain.descriptor.kms?.url ?? ""];
  for (const url of urls) {
    for (const path of ["/metrics", "/ready", "/openapi.json", "/v1/descriptor"]) {
      const answer = await fetch(`${url.replace("milagro:", "http:")}${path}`); // plain on this machine
      places.push([`${url}${path}`, Buffer.from(await answer.arrayBuffer())]);
    }
  }
  expect(places.length).toBeGreaterThan(40);
  // The end of a join token is its secret; the values of the secret differ in their beginnings only.
  const needles = [...world.secrets.map((text) => text.slice(-40)), "never to be printed"];
  const keys = [...world.keys, ...(await masterSecrets(world))];
  expect(keys.length).toBeGreaterThan(COUNT * 6);
  const found = [...needles, ...keys].flatMap((needle, i) =>
    forms(needle).flatMap((form) => places.filter(([, at]) => at.includes(form)).map(([name]) => `${i}: ${name}`)),
  );
  expect(found).toEqual([]);
}

/** What the D-TAs must never show: their master secret shares and private HPKE keys. */
async function masterSecrets(world: World): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (let index = 1; index <= COUNT; index++) {
    const passphrase = passphraseFromText(PASSPHRASE);
    const path = homeOf(world.dtaHome(index)).masters;
    const { shares, hpke } = await unsealMasters(engine, { path, passphrase, random });
    for (const scheme of SCHEMES)
      found.push(encodeMasterSecretShare(engine, shares[scheme] as MasterSecretShare<Scheme>));
    found.push(hpke.privateKey.use((bytes) => bytes.slice()));
  }
  return found;
}
