/**
 * A program on one of two machines: serves or calls one of examples/channels as the identity of a profile.
 *
 *   on-machine.ts serve EXAMPLE HOME PASSPHRASE-FILE PORT PATTERN
 *   on-machine.ts call  EXAMPLE HOME PASSPHRASE-FILE HOST:PORT[:PROGRAM-PORT] IDENTITY
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { identitySelf } from "@milagro/channel";
import { openKnownDomain, parseKnownDomain } from "@milagro/client/known-domain";
import { openIdentityStore } from "@milagro/endpoint/identity-store";
import { createEngine } from "@milagro/engine";
import { systemClock } from "@milagro/runtime/clock";
import { readPassphraseFile } from "@milagro/runtime/passphrase";
import { systemRandom } from "@milagro/runtime/random";
import { keyFile, listDomains, listIdentities } from "../../clients/cli/src/profile.ts";

const [action, example, home = "", passphraseFile = "", place = "", whom = ""] = process.argv.slice(2);
const engine = await createEngine({ random: systemRandom });
const [name = ""] = await listDomains(home);
const known = parseKnownDomain(JSON.parse(readFileSync(`${home}/domains/${name}.json`, "utf8")));
const domain = openKnownDomain(engine, systemRandom, known);
const [identity] = await listIdentities(home);
if (identity === undefined) throw new Error("the profile has no identity");
const passphrase = await readPassphraseFile(passphraseFile);
const store = await openIdentityStore({ path: keyFile(home, identity), passphrase, engine, domain, identity });
const self = identitySelf({ engine, random: systemRandom, clock: systemClock, domain, keys: store.ring });
const { serve, call } = await import(`../../examples/channels/${example}.js`);

if (action === "serve") {
  const server = await serve(self, [whom]);
  server.listen(Number(place), "0.0.0.0", () => process.stdout.write("ready\n"));
} else {
  const [host, port, programPort = port] = place.split(":");
  const answer = await call(self, whom, { host, port: Number(port), programPort: Number(programPort) });
  process.stdout.write(`${answer}\n`);
  process.exit(0);
}
