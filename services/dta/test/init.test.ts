/** Making a D-TA's home, also after an attempt that was cut short. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { afterAll, expect, test } from "vitest";
import { homeOf, publicAddress, readConfig } from "../src/config.ts";
import { initDta } from "../src/init.ts";
import { CHEAP, cleanUp, initHome, memberOf, newFolder, PASSPHRASE, random } from "./support.ts";

afterAll(cleanUp);
const { name, operator, jurisdiction } = memberOf(1);
const init = (folder: string, changes: Record<string, string> = {}, passphrase = PASSPHRASE) =>
  initDta({
    home: homeOf(folder),
    settings: { name, operator, jurisdiction, ...changes },
    passphrase: passphraseFromText(passphrase),
    random,
    cost: CHEAP,
  });

test("a home that has a D-TA in it is never initialised again, and its masters stay as they are", async () => {
  const home = await initHome(1);
  const before = readFileSync(home.masters);
  await expect(init(home.folder)).rejects.toMatchObject({ code: "ERR_FILE_EXISTS" });
  expect(readFileSync(home.masters)).toEqual(before);
});

test("an init that was cut short goes on with the masters it had sealed, for who knows the passphrase", async () => {
  const home = await initHome(1);
  const before = readFileSync(home.masters);
  rmSync(home.config);
  await expect(init(home.folder, {}, "another passphrase")).rejects.toMatchObject({ code: "ERR_KEYSTORE_PASSPHRASE" });
  await init(home.folder);
  expect(readFileSync(home.masters)).toEqual(before);
  expect(readConfig(home, {}, {}).name).toBe(name);
});

test("what a descriptor could not hold is refused before anything is made", async () => {
  for (const changes of [{ name: "North D-TA" }, { operator: "" }, { jurisdiction: " CH" }] as Record<
    string,
    string
  >[]) {
    const folder = join(newFolder(), "home");
    await expect(init(folder, changes)).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
    expect(existsSync(folder)).toBe(false);
  }
});

test("configuration: flags over environment over file, wrong addresses named", async () => {
  const home = await initHome(1);
  const env = { MILAGRO_DTA_LISTEN: "127.0.0.1:1234" };
  expect(publicAddress(readConfig(home, {}, env))).toEqual({ host: "127.0.0.1", port: 1234 });
  expect(publicAddress(readConfig(home, { listen: "none" }, env))).toBeUndefined();
  expect(publicAddress(readConfig(home, { listen: "[::1]:0" }, env))).toEqual({ host: "::1", port: 0 });
  expect(() => readConfig(home, { listen: "somewhere" }, {})).toThrow(/listen/);
  expect(() => publicAddress(readConfig(home, { listen: "127.0.0.1:70000" }, {}))).toThrow();
  expect(() => readConfig(home, {}, { MILAGRO_DTA_PASSPHRASE: "x" })).toThrow(/secrets are not taken/);
});
