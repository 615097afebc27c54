/**
 * `milagro dta unseal` and `milagro dta seal`.
 * @module
 */
import { encodeUnsealRequest, parseDone } from "@milagro/protocol/dta-messages";
import type { CommandSpec } from "../command.ts";
import { PASSPHRASE_OPTION } from "../options.ts";
import { readPassphraseFor } from "../ports.ts";
import { callAdmin, DTA_HOME, dtaHome } from "./dta-admin.ts";

export const dtaUnseal: CommandSpec = {
  name: "unseal",
  summary: "open a running D-TA's master secrets",
  details: "The passphrase goes over the D-TA's Unix socket and nowhere else.",
  options: [DTA_HOME, PASSPHRASE_OPTION],
  examples: [
    { text: "Ask for the passphrase", line: "milagro dta unseal --home dta-1" },
    { text: "Take it from a file", line: "milagro dta unseal --home dta-1 --passphrase-file pass-1" },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const home = dtaHome(context, invocation);
    const passphrase = await readPassphraseFor(context, "the D-TA's masters");
    try {
      const text = passphrase.use((bytes) => new TextDecoder().decode(bytes));
      const body = encodeUnsealRequest({ v: 1, passphrase: text });
      await context.progress(
        "unsealing",
        callAdmin(home, { method: "POST", path: "/v1/unseal", body, timeoutMs: 30_000 }, parseDone),
      );
    } finally {
      passphrase.destroy();
    }
    return { data: { sealed: false }, view: { kind: "text", text: "unsealed" } };
  },
};

export const dtaSeal: CommandSpec = {
  name: "seal",
  summary: "make a running D-TA forget its master secrets",
  details: "It goes on answering, but issues nothing until it is unsealed.",
  options: [DTA_HOME],
  examples: [{ text: "Before maintenance", line: "milagro dta seal --home dta-1" }],
  serviceHome: true,
  async run(context, invocation) {
    await callAdmin(dtaHome(context, invocation), { method: "POST", path: "/v1/seal", body: { v: 1 } }, parseDone);
    return { data: { sealed: true }, view: { kind: "text", text: "sealed" } };
  },
};
