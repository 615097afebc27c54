import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Type from "typebox";
import { describe, expect, test } from "vitest";
import { tempFolder } from "../../tests/support/temp-folder.ts";
import { type ConfigSources, environmentName, loadConfig } from "../src/config.ts";

const Schema = Type.Object(
  {
    listen: Type.String({ default: "127.0.0.1:0" }),
    name: Type.String({ minLength: 1 }),
    databaseUrl: Type.Optional(Type.String()),
    http: Type.Object(
      {
        bodyLimitBytes: Type.Integer({ minimum: 1, default: 1000 }),
        trusted: Type.Array(Type.String(), { default: [] }),
      },
      { additionalProperties: false, default: {} },
    ),
    quiet: Type.Boolean({ default: false }),
  },
  { additionalProperties: false },
);
const load = (sources: ConfigSources) => loadConfig(Schema, sources);
const env = (values: Record<string, string>, unknown: "refuse" | "ignore" = "ignore") => ({
  values,
  prefix: "MILAGRO_DTA",
  unknown,
});
async function file(content: unknown): Promise<string> {
  const path = join(await tempFolder(), "config.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

describe("precedence", () => {
  test("flags over environment over file over defaults, key by key in nested objects too", async () => {
    const path = await file({ name: "file", listen: "file:1", http: { trusted: ["10.0.0.1"], bodyLimitBytes: 1 } });
    const config = load({
      file: path,
      env: env({ MILAGRO_DTA_NAME: "env", MILAGRO_DTA_HTTP_BODY_LIMIT_BYTES: "2", MILAGRO_DTA_QUIET: "true" }),
      flags: { name: "flag", listen: undefined, http: { bodyLimitBytes: "3" } },
    });
    expect(config).toEqual({
      name: "flag",
      listen: "file:1",
      http: { trusted: ["10.0.0.1"], bodyLimitBytes: 3 },
      quiet: true,
    });
  });

  test("defaults fill in what nobody said", () => {
    expect(load({ flags: { name: "x" } })).toEqual({
      name: "x",
      listen: "127.0.0.1:0",
      http: { bodyLimitBytes: 1000, trusted: [] },
      quiet: false,
    });
  });

  test("lists in the environment are separated by commas", () => {
    expect(load({ env: env({ MILAGRO_DTA_NAME: "x", MILAGRO_DTA_HTTP_TRUSTED: "a,b" }) }).http.trusted).toEqual([
      "a",
      "b",
    ]);
    expect(environmentName("MILAGRO", ["http", "bodyLimitBytes"])).toBe("MILAGRO_HTTP_BODY_LIMIT_BYTES");
  });
});

describe("refusals name the key and never the value", () => {
  const value = "s3cr3t-value";
  const refusal = (sources: ConfigSources): { code: string; message: string } => {
    try {
      load(sources);
    } catch (error) {
      return error as { code: string; message: string };
    }
    throw new Error("was not refused");
  };

  test("wrong types, wrong ranges, missing and unknown keys", async () => {
    const cases: [ConfigSources, RegExp][] = [
      [{}, /"name" is required/],
      [{ flags: { name: "x", listen: 7 } }, /"listen" \(from flags\)/],
      [{ flags: { name: "x", http: { bodyLimitBytes: 0 } } }, /"http\.bodyLimitBytes" \(from flags\)/],
      [
        { env: env({ MILAGRO_DTA_NAME: "x", MILAGRO_DTA_HTTP_BODY_LIMIT_BYTES: value }) },
        /"http\.bodyLimitBytes" \(from environment\)/,
      ],
      [{ env: env({ MILAGRO_DTA_NAME: "x", MILAGRO_DTA_QUIET: "yes" }) }, /"quiet" \(from environment\)/],
      [{ file: await file({ name: "x", nmae: value }) }, /"nmae" \(from file\) is not a setting/],
      [{ file: await file({ name: "x", http: { more: value } }) }, /"http\.more" \(from file\)/],
      [
        { file: await file(`{"name": "x", "__proto__": {"quiet": "${value}"}, "other": "${value}"}`) },
        /"other" \(from file\)/,
      ],
      [
        { env: env({ MILAGRO_DTA_NAME: "x", MILAGRO_DTA_LISTNE: value }, "refuse") },
        /MILAGRO_DTA_LISTNE is not a setting/,
      ],
    ];
    for (const [sources, message] of cases) {
      const error = refusal(sources);
      expect(error.code).toBe("ERR_CONFIG_INVALID");
      expect(error.message).toMatch(message);
      expect(error.message).not.toContain(value);
    }
  });

  test("files that are missing, no JSON, no object, too large", async () => {
    expect(refusal({ file: "/nowhere/config.json" }).code).toBe("ERR_CONFIG_MISSING");
    expect(load({ file: "/nowhere/config.json", optionalFile: true, flags: { name: "x" } }).name).toBe("x");
    for (const content of [`{"name": ${value}`, "[]", "null", " ".repeat(1_048_577)]) {
      const error = refusal({ file: await file(content) });
      expect(error.code).toBe("ERR_CONFIG_INVALID");
      expect(JSON.stringify([error.message, (error as { cause?: unknown }).cause])).not.toContain(value);
    }
  });

  test("secrets in the environment, by name or as the password of a URL", () => {
    for (const name of ["PASSPHRASE", "BUS_TOKEN", "PRIVATE_KEY", "DB_PASSWORD", "CLIENT_SECRET"]) {
      const error = refusal({ env: env({ MILAGRO_DTA_NAME: "x", [`MILAGRO_DTA_${name}`]: value }) });
      expect(error.code).toBe("ERR_CONFIG_SECRET");
      expect(error.message).toContain(`MILAGRO_DTA_${name}_FILE`);
      expect(error.message).not.toContain(value);
    }
    expect(
      refusal({ env: env({ MILAGRO_DTA_NAME: "x", MILAGRO_DTA_DATABASE_URL: `postgres://user:${value}@h/d` }) }).code,
    ).toBe("ERR_CONFIG_SECRET");
    expect(
      load({ env: env({ MILAGRO_DTA_NAME: "x", MILAGRO_DTA_DATABASE_URL: "postgres://user@h/d" }) }).databaseUrl,
    ).toBe("postgres://user@h/d");
    expect(load({ env: env({ MILAGRO_DTA_NAME: "x", MILAGRO_DTA_PASSPHRASE_FILE: "/p" }) }).name).toBe("x");
  });
});
