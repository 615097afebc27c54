/** Every bit of every message, one at a time: some thirty thousand agreements that must all fail. */
import { expect, test } from "vitest";
import { parseFrame } from "../src/channel-frame.ts";
import { beginAgreement } from "../src/channel-initiator.ts";
import { answerAgreement } from "../src/channel-responder.ts";
import { alice, bob, portsOf, run } from "./channel-run.ts";
import { flip } from "./fixture.ts";

const PURPOSE = { stream: true, grant: false };

test.each([0, 1, 2])("no bit of message %i can be flipped", async (place) => {
  const { messages } = await run();
  const bits = (messages[place] as Uint8Array).length * 8;
  let agreements = 0;
  for (let i = 0; i < bits; i++) {
    const changed = (message: Uint8Array): Uint8Array => flip(message, i >> 3, i & 7);
    const { initiator, responder, code } = await run({ between: (m, at) => (at === place ? changed(m) : m) });
    if (responder || code === "ok" || (place < 2 && initiator)) agreements += 1;
  }
  expect(bits).toBeGreaterThan(1000);
  expect(agreements).toBe(0);
});

test("a responder that has answered takes none of a thousand false proofs, and then not the right one either", async () => {
  for (let i = 0; i < 1000; i++) {
    const initiator = beginAgreement({ ports: portsOf(), own: alice, purpose: PURPOSE });
    const responder = answerAgreement({ ports: portsOf(), own: bob });
    const { send } = await responder.receive(parseFrame(initiator.offer));
    const step = await initiator.receive(parseFrame(send as Uint8Array));
    const proof = step.send as Uint8Array;
    const bit = (i * 7) % (proof.length * 8);
    await expect(async () => responder.receive(parseFrame(flip(proof, bit >> 3, bit & 7)))).rejects.toThrow();
    if (bit >= 64)
      await expect(responder.receive(parseFrame(proof))).rejects.toMatchObject({ code: "ERR_CHANNEL_MESSAGE" });
  }
});
