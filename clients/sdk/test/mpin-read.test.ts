import { encodeBase64url } from "@milagro/crypto/base64url";
import { parseApprovalList } from "@milagro/protocol/approval-messages";
import { parseHandover, parseHandoverState, parseHandoverView } from "@milagro/protocol/handover-messages";
import { parseLoginChallenge, parseLoginOutcome, parseLoginStarted, parseMe } from "@milagro/protocol/login-messages";
import { parseSignatureList, parseSignatureOutcome } from "@milagro/protocol/signature-messages";
import { describe, expect, test } from "vitest";
import { readApprovals } from "../src/mpin-approvals.ts";
import { readHandover, readHandoverState, readHandoverView } from "../src/mpin-handover.ts";
import { readChallenge, readOutcome, readStarted } from "../src/mpin-login-messages.ts";
import { readMe } from "../src/mpin-session.ts";
import { readSignatures, readSigned } from "../src/mpin-sign.ts";

const B32 = encodeBase64url(new Uint8Array(32).fill(5));
const IDENTITY = "milagro:example.org/mpin/login.example.org/alice/abcdefghij";
const STARTED = { v: 1, session: B32, expires: 5, client: "shop", origin: "https://login.example.org" };
const DEVICE = { identity: IDENTITY, label: "Laptop", created: 1, lastLogin: 2, state: "active" };
const NUMBER = "07";
const ID22 = "A".repeat(22);

/** Each reader with the parser it stands in for, and messages that both take. */
const PAIRS = [
  [
    "login started",
    readStarted,
    parseLoginStarted,
    [
      STARTED,
      { ...STARTED, permitEpoch: 20833 },
      { ...STARTED, payload: { type: "message", text: "Pay" } },
      { ...STARTED, payload: { type: "handover", id: B32, client: "shop", number: NUMBER } },
      { ...STARTED, payload: { type: "quick-code", requestHash: B32, label: "Phone" } },
    ],
  ],
  ["challenge", readChallenge, parseLoginChallenge, [{ v: 1, nonce: B32 }]],
  [
    "outcome",
    readOutcome,
    parseLoginOutcome,
    [
      { v: 1, outcome: "accepted", identity: IDENTITY, user: "alice", next: "/" },
      { v: 1, outcome: "accepted", identity: IDENTITY, user: "alice" },
      { v: 1, outcome: "refused", attemptsLeft: 2, retryAfter: 4 },
      { v: 1, outcome: "blocked" },
    ],
  ],
  [
    "me",
    readMe,
    parseMe,
    [
      {
        v: 1,
        user: "alice",
        identity: IDENTITY,
        authenticated: 1,
        expires: 2,
        devices: [DEVICE, { ...DEVICE, state: "pending" }],
      },
    ],
  ],
  [
    "handover",
    readHandover,
    parseHandover,
    [{ v: 1, id: B32, number: NUMBER, url: "https://login.example.org/h/x", expires: 3 }],
  ],
  [
    "handover view",
    readHandoverView,
    parseHandoverView,
    [{ v: 1, client: "shop", place: { address: "192.0.2.1", agent: "" }, choices: ["07", "12", "99"], expires: 4 }],
  ],
  [
    "approvals",
    readApprovals,
    parseApprovalList,
    [
      { v: 1, approvals: [] },
      { v: 1, approvals: [{ id: `ciba_${ID22}`, client: "A bank", message: "Pay 10", expires: 4 }] },
      { v: 1, approvals: [{ id: `ciba_${ID22}`, client: "A bank", expires: 4 }] },
    ],
  ],
  ["handover state", readHandoverState, parseHandoverState, [{ v: 1, state: "waiting", expires: 4 }]],
  [
    "signature",
    readSigned,
    parseSignatureOutcome,
    [
      { v: 1, outcome: "accepted", id: ID22, time: 4 },
      { v: 1, outcome: "refused", attemptsLeft: 1 },
    ],
  ],
  [
    "signatures",
    readSignatures,
    parseSignatureList,
    [{ v: 1, signatures: [{ id: ID22, identity: IDENTITY, text: "Pay\n10", time: 4 }], cursor: "a.b" }],
  ],
] as const;

const WRONG: readonly unknown[] = [
  undefined,
  null,
  "",
  1.5,
  -1,
  "x".repeat(5000),
  [],
  {},
  "AA",
  `${B32}A`,
  B32.slice(1),
  2 ** 60,
];

/** The message with one value at one place, however deep, replaced or left out; and with one it does not have. */
function* spoilt(message: unknown): Generator<unknown> {
  if (typeof message !== "object" || message === null) return;
  for (const [name, value] of Object.entries(message)) {
    for (const wrong of WRONG) yield replace(message, name, wrong);
    yield Object.fromEntries(Object.entries(message).filter(([other]) => other !== name));
    for (const inner of spoilt(value)) yield replace(message, name, inner);
  }
  if (!Array.isArray(message)) yield { ...message, more: 1 };
}
const replace = (message: object, name: string, value: unknown): unknown =>
  Array.isArray(message)
    ? message.map((item, i) => (String(i) === name ? value : item))
    : { ...message, [name]: value };

function takes(parse: (value: unknown) => unknown, value: unknown): boolean {
  try {
    parse(value);
    return true;
  } catch {
    return false;
  }
}

describe("the small parsers of a login page and the schemas of the protocol", () => {
  test.each(PAIRS)("%s: both take what is right, and read the same", (_, read, parse, messages) => {
    for (const message of messages) {
      const json: unknown = JSON.parse(JSON.stringify(message));
      expect(read(json)).toEqual(parse(json));
    }
  });

  test.each(PAIRS)("%s: what the schema refuses is refused, but for the beauty of text", (_, read, parse, messages) => {
    let refused = 0;
    for (const message of messages) {
      for (const wrong of spoilt(message)) {
        const json: unknown = JSON.parse(JSON.stringify(wrong) ?? "null");
        if (takes(parse, json)) {
          expect([json, takes(read, json)]).toEqual([json, true]);
          continue;
        }
        refused += 1;
        // Texts that are only shown, and a URL that is only drawn, are not looked at character by character.
        if (!differsInText(json, message)) expect([json, takes(read, json)]).toEqual([json, false]);
      }
    }
    expect(refused).toBeGreaterThan(10);
  });
});

const SHOWN = ["label", "text", "url", "origin"];
function differsInText(wrong: unknown, right: unknown): boolean {
  if (typeof wrong !== "object" || wrong === null || typeof right !== "object" || right === null) return false;
  return Object.entries(right).some(([name, value]) => {
    const other = (wrong as Record<string, unknown>)[name];
    if (SHOWN.includes(name) && typeof other === "string" && other !== "" && other !== value) return true;
    return differsInText(other, value);
  });
}
