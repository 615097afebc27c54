/**
 * Delivery of a new version: from the moment at which its author sends the sealed and signed record to the D-KMS until a
 * local program has the bytes from the endpoint's socket. What all parties spend on pairings on the way is measured in
 * this process and shown apart: the rest is network, disk, bus and scheduling.
 * @module
 */
import { enrolRing } from "@milagro/client/enrol";
import type { KeyRing } from "@milagro/client/key-ring";
import { createKmsClient } from "@milagro/client/kms-client";
import { utf8 } from "@milagro/crypto/bytes";
import { epochAt } from "@milagro/crypto/epoch";
import { signAs, verifySignature } from "@milagro/crypto/ibs";
import { parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import { makeSecretRecord, openSecretRecord, verifySecretRecord } from "@milagro/protocol/secret";
import { parseSecretPath } from "@milagro/protocol/secret-path";
import type { SecretRecord } from "@milagro/protocol/secret-record";
import { createHttpClient } from "@milagro/runtime/http-client";
import type { Reporter } from "../harness/reporter.ts";
import { type BenchDomain, DOMAIN } from "./domain.ts";
import { quantile } from "./quantiles.ts";

const AUTHOR = parseIdentity(`milagro:${DOMAIN}/person/author`);
const PATH = parseSecretPath("bench/secret");
const WAIT_SECONDS = 30;

type Endpoint = Awaited<ReturnType<BenchDomain["startEndpoint"]>>;

export async function measureDelivery(
  report: Reporter,
  bench: BenchDomain,
  endpoint: Endpoint,
  budgetMs: number,
): Promise<void> {
  report.progress("core: delivery");
  const { client } = bench;
  const epoch = epochAt(client.clock(), client.domain.epochSeconds);
  const { ring: author } = await enrolRing(client, {
    identity: AUTHOR,
    keys: [
      { usage: "sig", epoch },
      { usage: "enc", epoch },
    ],
    evidence: bench.grantFor(AUTHOR),
    route: "direct",
  });
  const recipients = [
    { identity: parseIdentity(endpoint.identity), epoch },
    { identity: AUTHOR, epoch },
  ];
  const make = (version: number): SecretRecord =>
    makeSecretRecord({
      engine: client.engine,
      random: client.random,
      domain: client.domain,
      author: { party: { identity: AUTHOR, epoch }, key: author.need("sig", epoch) },
      path: PATH,
      version,
      recipients,
      plaintext: client.random(32),
      nowMs: client.clock(),
      contentType: undefined,
      labels: undefined,
    });
  const kms = createKmsClient(client, author);
  const socket = createHttpClient({ url: `unix:${endpoint.socket}`, timeoutMs: (WAIT_SECONDS + 5) * 1000 });
  const totals: number[] = [];
  const stored: number[] = [];
  let version = 0;
  const deliver = async (): Promise<void> => {
    version++;
    const record = make(version);
    const query = { after: version - 1, wait: WAIT_SECONDS };
    const arrived = socket.request({
      path: `/v1/wait/${PATH}`,
      query,
      headers: { accept: "application/json" },
    });
    await new Promise((resolve) => setTimeout(resolve, 15)); // the program waits before anything is sent
    const startMs = performance.now();
    await kms.put(record);
    stored.push(performance.now() - startMs);
    const { body } = await arrived;
    totals.push(performance.now() - startMs);
    if ((body as { version?: number }).version !== version) throw new Error("the new version did not arrive");
  };
  for (let i = 0; i < 10; i++) await deliver();
  totals.length = 0;
  stored.length = 0;
  for (const end = performance.now() + budgetMs; performance.now() < end || totals.length < 20; ) await deliver();
  socket.close();
  const crypto = cryptographyOf(bench, author, make(version + 1));
  const minimum = Math.min(...totals);
  const add = (name: string, value: number, best = minimum): void =>
    report.add({ name: `delivery of a new version, ${name}`, value, unit: "ms", minimum: best });
  add("all: p50", quantile(totals, 0.5));
  add("all: p99", quantile(totals, 0.99));
  add("stored at the D-KMS: p50", quantile(stored, 0.5), Math.min(...stored));
  add("the cryptography in it", crypto, crypto);
  add("beyond the cryptography: p50", quantile(totals, 0.5) - crypto, minimum - crypto);
  add("beyond the cryptography: p99", quantile(totals, 0.99) - crypto, minimum - crypto);
}

/** One after the other: the author signs a request; the D-KMS verifies it, then the record; so does the endpoint, and opens. */
function cryptographyOf(bench: BenchDomain, author: KeyRing, record: SecretRecord): number {
  const { engine, random, domain } = bench.client;
  const { epoch } = record.author;
  const message = utf8("a request as it is signed");
  const key = author.need("sig", epoch);
  const input = () => identityInput(domain.domainId, "sig", AUTHOR, epoch);
  const own = record.recipients.find(({ identity }) => identity === AUTHOR) as (typeof record.recipients)[number];
  const samples: number[] = [];
  for (let i = 0; i < 25; i++) {
    const startMs = performance.now();
    const signature = signAs(engine, random, key, domain.publicKey, input(), message);
    verifySignature(engine, domain.publicKey, input(), message, signature);
    verifySecretRecord(engine, domain, record);
    verifySecretRecord(engine, domain, record);
    openSecretRecord(engine, domain, record, own, author.need("enc", own.epoch)).destroy();
    samples.push(performance.now() - startMs);
  }
  return quantile(samples, 0.5);
}
