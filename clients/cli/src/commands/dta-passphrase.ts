/**
 * `milagro dta passphrase`: another passphrase for the masters of a D-TA.
 * @module
 */
import { resolve } from "node:path";
import { encodePassphraseChange, parseDone } from "@milagro/protocol/dta-messages";
import { type Passphrase, readPassphraseFile } from "@milagro/runtime/passphrase";
import type { CommandSpec } from "../command.ts";
import { PASSPHRASE_OPTION } from "../options.ts";
import { readPassphraseFor } from "../ports.ts";
import { callAdmin, DTA_HOME, dtaHome } from "./dta-admin.ts";

export const dtaPassphrase: CommandSpec = {
  name: "passphrase",
  summary: "seal a running D-TA's masters under another passphrase",
  details:
    "Asks for the present passphrase and twice for the new one, where no files are named. The D-TA stays sealed or unsealed as it is, and\nrecords the change in its audit log. Backups made before still open with the old passphrase: replace them, and the passphrase file\nthat the D-TA is started with.",
  options: [
    DTA_HOME,
    PASSPHRASE_OPTION,
    { flags: "--new-passphrase-file <file>", text: "file with the new passphrase, mode 0600" },
  ],
  examples: [
    { text: "Ask for both", line: "milagro dta passphrase --home dta-1" },
    {
      text: "Take both from files",
      line: "milagro dta passphrase --home dta-1 --passphrase-file pass-1 --new-passphrase-file new-pass-1",
    },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const home = dtaHome(context, invocation);
    const file = invocation.text("newPassphraseFile");
    const held: Passphrase[] = [];
    try {
      const present = await readPassphraseFor(context, "the D-TA's masters");
      held.push(present);
      const next =
        file === undefined
          ? await readPassphraseFor({ ...context, settings: withoutFile(context) }, "the D-TA's masters", "new")
          : await readPassphraseFile(resolve(context.io.cwd, file));
      held.push(next);
      const [passphrase, other] = held.map((secret) => secret.use((bytes) => new TextDecoder().decode(bytes)));
      const body = encodePassphraseChange({ v: 1, passphrase: passphrase ?? "", next: other ?? "" });
      await context.progress(
        "sealing the masters",
        callAdmin(home, { method: "POST", path: "/v1/passphrase", body, timeoutMs: 60_000 }, parseDone),
      );
    } finally {
      for (const secret of held) secret.destroy();
    }
    return {
      data: { changed: true },
      view: { kind: "text", text: "changed; backups made before still open with the old passphrase: replace them" },
    };
  },
};

/** The file that is named holds the present passphrase: the new one is asked for. */
function withoutFile({ settings }: Parameters<CommandSpec["run"]>[0]) {
  const { passphraseFile: _present, ...others } = settings;
  return others;
}
