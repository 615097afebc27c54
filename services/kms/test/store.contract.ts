/**
 * What every store must do. Run on SQLite and on PostgreSQL by `store.test.ts`.
 * @module
 */
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KmsStore, StoreTransaction } from "../src/store.ts";

export interface StoreUnderTest {
  readonly store: KmsStore;
  /** A second instance on the same database, as a second process would have it; the same one where only one may be. */
  readonly other: KmsStore;
  close(): Promise<void>;
}

const alice = parseIdentity("milagro:example.org/user/alice");
const bob = parseIdentity("milagro:example.org/user/bob");
let serial = 0;
const unique = (name: string): string => `${name}-${++serial}`;
const person = (name: string): Identity => parseIdentity(`milagro:example.org/user/${unique(name)}`);

async function put(
  tx: StoreTransaction,
  path: string,
  recipients: readonly string[],
  time = 100,
  record = `{"path":"${path}"}`,
): Promise<number> {
  const version = (await tx.lockSecret(path)).version + 1;
  const summary = { author: { identity: alice, epoch: 7 }, created: time, recipients, labels: { team: "db" } };
  await tx.insertVersion({ path, version, summary, record });
  await tx.appendEvents(recipients, { kind: "version", path, version, time });
  await tx.audit({ action: "put", outcome: "allowed", subject: alice, details: { path, version } });
  return version;
}

export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name}: the store`, () => {
    let subject: StoreUnderTest;
    let store: KmsStore;
    beforeAll(async () => {
      subject = await open();
      store = subject.store;
    });
    afterAll(() => subject?.close());

    test("keeps what was put, and gives the newest when no version is named", async () => {
      const path = unique("a/b");
      await store.transaction((tx) => put(tx, path, [bob], 100, "first"));
      await store.transaction((tx) => put(tx, path, [bob], 200, "second"));
      expect(await store.readVersion(path, 1)).toEqual({
        path,
        version: 1,
        record: "first",
        summary: { author: { identity: alice, epoch: 7 }, created: 100, recipients: [bob], labels: { team: "db" } },
      });
      expect(await store.readVersion(path, undefined)).toMatchObject({ version: 2, record: "second" });
      expect(await store.readVersion(path, 3)).toBeUndefined();
      expect(await store.readHead(path)).toEqual({ path, version: 2, deleted: false });
      expect((await store.listVersions(path, 10)).map((v) => v.version)).toEqual([2, 1]);
      expect((await store.listVersions(path, 1)).map((v) => v.version)).toEqual([2]);
    });

    test("knows nothing of what was never there", async () => {
      expect(await store.readVersion("never", undefined)).toBeUndefined();
      expect(await store.readHead("never")).toBeUndefined();
      expect(await store.listVersions("never", 10)).toEqual([]);
      expect(await store.eventsFor(person("nobody"), 0, 10)).toEqual([]);
      expect(await store.lastSequence(person("nobody"))).toBe(0);
      expect(await store.readEnrolment("never", 0)).toBeUndefined();
    });

    test("a throw leaves no trace: no version, no event, no audit record, no idempotency key", async () => {
      const path = unique("rolled/back");
      const who = person("rolled");
      const key = unique("key");
      const before = await store.auditHead();
      const failing = store.transaction(async (tx) => {
        await tx.claimIdempotency(alice, key, "hash", 1000);
        await put(tx, path, [who]);
        throw new Error("power cut");
      });
      await expect(failing).rejects.toThrow("power cut");
      expect(await store.readHead(path)).toBeUndefined();
      expect(await store.readVersion(path, undefined)).toBeUndefined();
      expect(await store.lastSequence(who)).toBe(0);
      expect(await store.auditHead()).toEqual(before);
      await store.transaction(async (tx) => {
        expect(await tx.claimIdempotency(alice, key, "other", 1000)).toEqual({ kind: "claimed" });
      });
    });

    test("two writers of one path take turns: versions are 1 to 12, each once, and the sequence has no gap", async () => {
      const path = unique("contended");
      const who = person("contended");
      await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          (i % 2 === 0 ? store : subject.other).transaction((tx) => put(tx, path, [bob, who, alice])),
        ),
      );
      expect((await store.listVersions(path, 100)).map((v) => v.version)).toEqual(
        Array.from({ length: 12 }, (_, i) => 12 - i),
      );
      const events = await store.eventsFor(who, 0, 100);
      expect(events.map((e) => e.sequence)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
      expect(events.map((e) => e.version)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    });

    test("writers of different paths with the same recipients do not lock each other out", async () => {
      const group = [person("z"), person("a"), person("m")];
      await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          (i % 2 === 0 ? store : subject.other).transaction((tx) =>
            put(tx, unique("crossed"), i % 3 === 0 ? group : [...group].reverse()),
          ),
        ),
      );
      for (const who of group) {
        expect((await store.eventsFor(who, 0, 100)).map((e) => e.sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      }
    });

    test("a recipient named twice is sent one delivery", async () => {
      const who = person("twice");
      await store.transaction((tx) => put(tx, unique("p"), [who, who]));
      expect(await store.lastSequence(who)).toBe(1);
    });

    test("deleting erases the versions, keeps counting, and knows whom to tell", async () => {
      const path = unique("deleted");
      await store.transaction((tx) => put(tx, path, [bob]));
      await store.transaction((tx) => put(tx, path, [alice]));
      await store.transaction(async (tx) => {
        expect(await tx.recipientsOf(path)).toEqual([alice, bob]);
        expect(await tx.deleteSecret(path)).toBe(2);
      });
      expect(await store.readHead(path)).toEqual({ path, version: 2, deleted: true });
      expect(await store.listVersions(path, 10)).toEqual([]);
      expect(await store.readVersion(path, 2)).toBeUndefined();
      await store.transaction(async (tx) => {
        expect(await tx.recipientsOf(path)).toEqual([]);
        expect(await put(tx, path, [alice])).toBe(3);
      });
      expect(await store.readHead(path)).toMatchObject({ version: 3, deleted: false });
    });

    test("listing: byte order, prefix, place to go on from, no deleted ones", async () => {
      const root = unique("list");
      const paths = ["B", "a", "a-b", "a.b", "a/b", "a/c", "a0", "b"].map((p) => `${root}/${p}`);
      await store.transaction(async (tx) => {
        for (const path of [...paths, `${root}/gone`]) await put(tx, path, [bob]);
        await tx.deleteSecret(`${root}/gone`);
      });
      const list = async (prefix: string, after?: string, limit = 100) =>
        (await store.listSecrets({ prefix, after, limit })).map((head) => head.path);
      expect(await list(`${root}/`)).toEqual(paths); // the list above is in byte order
      expect(await list(`${root}/a/`)).toEqual([`${root}/a/b`, `${root}/a/c`]);
      expect(await list(`${root}/`, `${root}/a-b`, 2)).toEqual([`${root}/a.b`, `${root}/a/b`]);
      expect(await list("", `${root}/b`, 1)).not.toContain(`${root}/b`);
      expect(await list(`${root}%`)).toEqual([]);
      expect(await list(`${root}_`)).toEqual([]);
    });

    test("idempotency: the first answer stays, for this identity and key only", async () => {
      const key = unique("key");
      await store.transaction(async (tx) => {
        expect(await tx.claimIdempotency(alice, key, "h1", 5000)).toEqual({ kind: "claimed" });
        await tx.answerIdempotency(alice, key, 201, "answer");
      });
      await store.transaction(async (tx) => {
        expect(await tx.claimIdempotency(alice, key, "h2", 5000)).toEqual({
          kind: "repeated",
          entry: { requestHash: "h1", status: 201, body: "answer" },
        });
        expect(await tx.claimIdempotency(bob, key, "h2", 5000)).toEqual({ kind: "claimed" });
      });
    });

    test("idempotency: of ten at once one claims and nine see its answer", async () => {
      const key = unique("race");
      const kinds = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          (i % 2 === 0 ? store : subject.other).transaction(async (tx) => {
            const claim = await tx.claimIdempotency(alice, key, "h", 5000);
            if (claim.kind === "claimed") await tx.answerIdempotency(alice, key, 201, "once");
            else expect(claim.entry.body).toBe("once");
            return claim.kind;
          }),
        ),
      );
      expect(kinds.filter((kind) => kind === "claimed")).toHaveLength(1);
    });

    test("outbox: what is unpublished is named, oldest first, until it is marked; new deliveries bring it back", async () => {
      const first = person("first");
      const second = person("second");
      await store.transaction((tx) => put(tx, unique("p"), [first], 1));
      await store.transaction((tx) => put(tx, unique("p"), [second], 2));
      await store.transaction((tx) => put(tx, unique("p"), [first], 3));
      const mine = async () =>
        (await store.unpublished(1000)).filter((o) => o.recipient === first || o.recipient === second);
      expect(await mine()).toEqual([
        { recipient: first, sequence: 2 },
        { recipient: second, sequence: 1 },
      ]);
      await store.markPublished(first, 1);
      expect(await mine()).toHaveLength(2);
      await store.markPublished(first, 2);
      expect(await mine()).toEqual([{ recipient: second, sequence: 1 }]);
      await store.markPublished(first, 1); // late and out of order: does not go back
      expect(await mine()).toHaveLength(1);
      await store.transaction((tx) => put(tx, unique("p"), [first], 4));
      expect(await mine()).toContainEqual({ recipient: first, sequence: 3 });
    });

    test("acknowledging counts once, and only one's own deliveries; failure may still turn into success, not back", async () => {
      const who = person("acking");
      const other = person("other");
      const ack = (sequence: number, outcome: "delivered" | "failed" = "delivered") => ({
        sequence,
        outcome,
        code: undefined,
      });
      for (let i = 0; i < 3; i++) await store.transaction((tx) => put(tx, unique("p"), [who]));
      expect(await store.acknowledge(other, [ack(1), ack(2)], 500)).toBe(0);
      expect((await store.eventsFor(who, 0, 10)).map((e) => e.outcome)).toEqual([undefined, undefined, undefined]);
      expect(await store.acknowledge(who, [ack(1), ack(3, "failed"), ack(99)], 500)).toBe(2);
      expect(await store.acknowledge(who, [ack(1), ack(1, "failed"), ack(3, "failed")], 600)).toBe(0);
      expect(await store.acknowledge(who, [ack(3)], 600)).toBe(1);
      expect(await store.acknowledge(who, [ack(3, "failed")], 600)).toBe(0);
      expect((await store.eventsFor(who, 0, 10)).map((e) => e.outcome)).toEqual(["delivered", undefined, "delivered"]);
    });

    test("a nonce is new once in each scope, also for two processes at once", async () => {
      const nonce = unique("nonce");
      const news = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          (i % 2 === 0 ? store : subject.other).rememberNonce("request", nonce, 1000),
        ),
      );
      expect(news.filter(Boolean)).toHaveLength(1);
      expect(await store.rememberNonce("bus", nonce, 1000)).toBe(true);
    });

    const enrolment = (id: string, source: string, created = 1000) => ({
      id,
      source,
      created,
      expires: created + 600,
      requests: [1, 2, 3].map((index) => ({ index, request: `request ${index}` })),
    });
    const wide = { perSource: 100, total: 100_000 };

    test("enrolment: parts are due, rescheduled, answered once each", async () => {
      const id = unique("enrolment");
      expect(await store.createEnrolment(enrolment(id, "s"), wide)).toBe("created");
      expect(await store.readEnrolment(id, 1000)).toEqual({ id, expires: 1600, answers: [], pending: [1, 2, 3] });
      const mine = async (now: number) =>
        (await store.takeDueParts(now, 1000, (attempts) => now + attempts * 10)).filter((p) => p.enrolmentId === id);
      expect(await mine(1000)).toEqual(
        [1, 2, 3].map((index) => ({ enrolmentId: id, index, request: `request ${index}`, attempts: 1 })),
      );
      expect(await mine(1009)).toEqual([]);
      expect(await store.answerEnrolment(id, 2, "answer 2", 1009)).toBe(true);
      expect(await store.answerEnrolment(id, 2, "other", 1009)).toBe(false);
      expect((await mine(1010)).map((p) => [p.index, p.attempts])).toEqual([
        [1, 2],
        [3, 2],
      ]);
      expect(await mine(1011)).toEqual([]);
      await store.makeDue(3);
      expect((await mine(1011)).map((p) => p.index)).toEqual([3]);
      expect(await store.readEnrolment(id, 1011)).toEqual({
        id,
        expires: 1600,
        answers: [{ index: 2, answer: "answer 2" }],
        pending: [1, 3],
      });
    });

    test("enrolment: unknown, foreign and expired answers are dropped", async () => {
      const id = unique("enrolment");
      await store.createEnrolment(enrolment(id, "s2"), wide);
      expect(await store.answerEnrolment("never", 1, "a", 1001)).toBe(false);
      expect(await store.answerEnrolment(id, 4, "a", 1001)).toBe(false);
      expect(await store.answerEnrolment(id, 1, "a", 1600)).toBe(false);
      expect(await store.readEnrolment(id, 1600)).toBeUndefined();
      expect((await store.takeDueParts(1600, 1000, () => 9999)).filter((p) => p.enrolmentId === id)).toEqual([]);
    });

    test("enrolment: limits by source and in all; what has expired counts no more", async () => {
      const source = unique("source");
      for (let i = 0; i < 3; i++) {
        expect(await store.createEnrolment(enrolment(unique("e"), source), { perSource: 3, total: 100_000 })).toBe(
          "created",
        );
      }
      expect(await store.createEnrolment(enrolment(unique("e"), source), { perSource: 3, total: 100_000 })).toBe(
        "source-full",
      );
      expect(await store.createEnrolment(enrolment(unique("e"), unique("source")), { perSource: 3, total: 1 })).toBe(
        "full",
      );
      expect(await store.createEnrolment(enrolment(unique("e"), source, 1600), { perSource: 3, total: 100_000 })).toBe(
        "created",
      );
    });

    test("enrolment: the same id again changes nothing while it lives, and begins anew afterwards", async () => {
      const id = unique("same");
      expect(await store.createEnrolment(enrolment(id, "s3"), wide)).toBe("created");
      await store.answerEnrolment(id, 1, "answer", 1001);
      expect(await store.createEnrolment(enrolment(id, "s3", 1100), wide)).toBe("known");
      expect(await store.readEnrolment(id, 1100)).toMatchObject({ expires: 1600, pending: [2, 3] });
      expect(await store.createEnrolment(enrolment(id, "s3", 1600), wide)).toBe("created");
      expect(await store.readEnrolment(id, 1600)).toMatchObject({ expires: 2200, pending: [1, 2, 3] });
    });

    test("two instances share the due parts: none is taken by both", async () => {
      const ids = Array.from({ length: 5 }, () => unique("shared"));
      for (const id of ids) await store.createEnrolment(enrolment(id, unique("s")), wide);
      const taken = await Promise.all([store, subject.other].map((s) => s.takeDueParts(1000, 1000, () => 2000)));
      const mine = taken.flat().filter((p) => ids.includes(p.enrolmentId));
      expect(mine).toHaveLength(15);
      expect(new Set(mine.map((p) => `${p.enrolmentId}/${p.index}`)).size).toBe(15);
    });

    test("sweeping forgets what has expired and nothing else", async () => {
      const late = 10_000;
      const old = unique("old");
      const fresh = unique("fresh");
      await store.rememberNonce("request", old, late);
      await store.rememberNonce("request", fresh, late + 100);
      await store.transaction((tx) => tx.claimIdempotency(alice, old, "h", late));
      await store.createEnrolment(enrolment(old, unique("s"), 1), wide);
      await store.createEnrolment(enrolment(fresh, unique("s"), late), wide);
      expect(await store.sweep(late)).toBeGreaterThanOrEqual(6);
      expect(await store.rememberNonce("request", old, late)).toBe(true);
      expect(await store.rememberNonce("request", fresh, late)).toBe(false);
      expect(await store.readEnrolment(old, 2)).toBeUndefined();
      expect(await store.readEnrolment(fresh, late)).toBeDefined();
      await store.transaction(async (tx) => {
        expect(await tx.claimIdempotency(alice, old, "h2", late)).toEqual({ kind: "claimed" });
      });
    });

    test("the audit chain grows by one per record, from two instances as from one", async () => {
      const before = (await store.auditHead()).index;
      await Promise.all(
        Array.from({ length: 6 }, (_, i) =>
          (i % 2 === 0 ? store : subject.other).audit({
            action: "read",
            outcome: "ERR_ACCESS_DENIED",
            details: { version: i },
          }),
        ),
      );
      expect((await store.auditHead()).index).toBe(before + 6);
    });

    test("answers a check", async () => {
      await expect(store.check()).resolves.toBeUndefined();
    });
  });
}
