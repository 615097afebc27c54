import { encodeIdentityKey } from "@milagro/crypto/identity-key";
import { currentEpoch } from "@milagro/protocol/trust-domain";
import { expect, test } from "vitest";
import { createTasks } from "../src/tasks.ts";
import { Client, engine, foundDomain, random, who } from "./support.ts";

/** No other draw is as long. */
const LENGTH = 77;

test.each(["after sealing", "when sealing fails"])(
  "the drawn secret and the signing key are wiped %s",
  async (when) => {
    const founded = await foundDomain("example.org", 1);
    const kms = new Client(founded, who("service/kms"));
    const epoch = currentEpoch(founded.domain, Date.now());
    const drawn: Uint8Array[] = [];
    let broken = false;
    const tasks = createTasks({
      engine,
      domain: founded.domain,
      random: (length) => {
        if (broken) throw new Error("no more randomness");
        const bytes = random(length);
        if (length === LENGTH) {
          drawn.push(bytes);
          broken = when === "when sealing fails";
        }
        return bytes;
      },
    });
    const key = encodeIdentityKey(engine, kms.key("sig", epoch));
    const recipients = [{ identity: who("endpoint/web"), epoch }];
    const body = Buffer.from(JSON.stringify({ v: 1, recipients, form: { type: "bytes", length: LENGTH } }));
    const author = { identity: kms.identity, epoch };
    const generate = () =>
      tasks.generate({ body, path: "a/b", version: 1, key: { author, bytes: key }, nowMs: Date.now() });
    if (when === "when sealing fails") expect(generate).toThrow("no more randomness");
    else expect(generate().version).toBe(1);
    expect(drawn.map((bytes) => bytes.every((byte) => byte === 0))).toEqual([true]);
    expect(key.every((byte) => byte === 0)).toBe(true);
  },
);
