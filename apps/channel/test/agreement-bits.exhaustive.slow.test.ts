/** Every bit of every message, one at a time: some thirty thousand agreements that must all fail. */

import { parseFrame } from "@milagro/protocol/channel-frame";
import { beginAgreement } from "@milagro/protocol/channel-initiator";
import { answerAgreement } from "@milagro/protocol/channel-responder";
import { nativeAead } from "@milagro/runtime/aead";
import { nativeMlKem } from "@milagro/runtime/ml-kem";
import { nativeX25519 } from "@milagro/runtime/x25519";
import { expect, test } from "vitest";
import { alice, bob, portsOf, run } from "../../../core/protocol/test/channel-run.ts";
import { flip } from "../../../core/protocol/test/fixture.ts";

/** As the library runs it; plain JavaScript would take several times as long. */
const PORTS = { x25519: nativeX25519, mlKem: nativeMlKem, aead: nativeAead };
const PURPOSE = { stream: true, grant: false };

test.each([0, 1, 2])("no bit of message %i can be flipped", async (place) => {
  const { messages } = await run();
  const bits = (messages[place] as Uint8Array).length * 8;
  let agreements = 0;
  for (let i = 0; i < bits; i++) {
    const changed = (message: Uint8Array): Uint8Array => flip(message, i >> 3, i & 7);
    const { initiator, responder, code } = await run({
      initiatorPorts: PORTS,
      responderPorts: PORTS,
      between: (m, at) => (at === place ? changed(m) : m),
    });
    if (responder || code === "ok" || (place < 2 && initiator)) agreements += 1;
  }
  expect(bits).toBeGreaterThan(1000);
  expect(agreements).toBe(0);
});

test("a responder that has answered takes none of a thousand false proofs, and then not the right one either", async () => {
  for (let i = 0; i < 1000; i++) {
    const initiator = beginAgreement({ ports: portsOf(PORTS), own: alice, purpose: PURPOSE });
    const responder = answerAgreement({ ports: portsOf(PORTS), own: bob });
    const { send } = await responder.receive(parseFrame(initiator.offer));
    const step = await initiator.receive(parseFrame(send as Uint8Array));
    const proof = step.send as Uint8Array;
    const bit = (i * 7) % (proof.length * 8);
    await expect(async () => responder.receive(parseFrame(flip(proof, bit >> 3, bit & 7)))).rejects.toThrow();
    if (bit >= 64)
      await expect(responder.receive(parseFrame(proof))).rejects.toMatchObject({ code: "ERR_CHANNEL_MESSAGE" });
  }
});
