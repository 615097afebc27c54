/**
 * Example bodies of the OpenAPI document. A test holds each against its schema.
 * @module
 */
const BYTES_32 = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA";
const SIGNATURE = `${"q83vEjRWeJCr".repeat(10)}ze8SNFZ4`;
const TIME = 1_800_000_000;
const EPOCH = 20_833;
const PATH = "team/db/password";
const author = { identity: "milagro:example.org/user/alice", epoch: EPOCH };
const recipient = { identity: "milagro:example.org/endpoint/web-1", epoch: EPOCH };

export const RECORD_EXAMPLE = {
  v: 1,
  domainId: BYTES_32,
  path: PATH,
  version: 1,
  recipients: [recipient],
  envelope: "AbCdEf0123456789",
  author,
  created: TIME,
  contentType: "text/plain",
  labels: { team: "db" },
  signature: SIGNATURE,
};

export const STORED_EXAMPLE = { v: 1, path: PATH, version: 1, sequence: 4 };

export const DELETED_EXAMPLE = { v: 1, path: PATH, versions: 3 };

export const GENERATE_EXAMPLE = {
  v: 1,
  recipients: [recipient],
  form: { type: "text", length: 32, alphabet: "abcdefghijklmnopqrstuvwxyz0123456789" },
  labels: { team: "db" },
};

const SUMMARY = {
  path: PATH,
  version: 1,
  author,
  recipients: [recipient.identity],
  created: TIME,
  labels: { team: "db" },
};

export const LIST_EXAMPLE = { v: 1, secrets: [SUMMARY], cursor: "q83vEjRWeJCrze8SNFZ4kHRlYW0vZGI" };

export const VERSIONS_EXAMPLE = { v: 1, path: PATH, versions: [SUMMARY], newest: SUMMARY.version, deleted: false };

export const EVENTS_EXAMPLE = {
  v: 1,
  events: [
    { sequence: 4, time: TIME, type: "version", path: PATH, version: 1, record: RECORD_EXAMPLE },
    { sequence: 5, time: TIME + 60, type: "deleted", path: PATH },
  ],
  next: 5,
};

export const ACK_EXAMPLE = {
  v: 1,
  acks: [
    { sequence: 4, outcome: "delivered" },
    { sequence: 5, outcome: "failed", code: "ERR_DECAPSULATION_FAILED" },
  ],
};

export const ACCEPTED_EXAMPLE = { v: 1, accepted: 2 };

export const AUDIT_HEAD_EXAMPLE = {
  v: 1,
  index: 42,
  hash: BYTES_32,
  time: TIME + 30,
  signed: { index: 41, hash: BYTES_32, time: TIME, epoch: EPOCH, signature: SIGNATURE },
};

export const ENROLMENT_EXAMPLE = {
  v: 1,
  requests: [
    { v: 1, domainId: BYTES_32, index: 1, encapsulatedKey: BYTES_32, ciphertext: "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ" },
  ],
};

export const ENROLMENT_ID_EXAMPLE = { v: 1, id: BYTES_32 };

export const ENROLMENT_STATUS_EXAMPLE = { v: 1, id: BYTES_32, answers: [], problems: [], pending: [1] };
