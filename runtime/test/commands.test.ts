import { MilagroError } from "@milagro/engine/error";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Flags, needFlag, obey } from "../src/commands.ts";

const OPTIONS = { home: { type: "string" }, loud: { type: "boolean" } } as const;
const asked: Flags<typeof OPTIONS>[] = [];
const line = {
  program: "milagro-example",
  version: "1.2.3",
  usage: "milagro-example serve --home DIR\n",
  options: OPTIONS,
  commands: {
    serve: async (flags: Flags<typeof OPTIONS>): Promise<void> => void asked.push(flags),
    stop: async (): Promise<void> => {
      throw new MilagroError("ERR_CANCELLED", "stopped");
    },
  },
} as const;

afterEach(() => {
  asked.length = 0;
});

/** What it printed on standard output. */
async function printed(...args: string[]): Promise<string> {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  await obey(line, args);
  const texts = write.mock.calls.map(([text]) => String(text));
  write.mockRestore();
  return texts.join("");
}

test("a command gets its flags, wherever they stand", async () => {
  await obey(line, ["--loud", "serve", "--home", "/tmp/x"]);
  expect({ ...asked[0] }).toEqual({ loud: true, home: "/tmp/x" });
});

test("what a command throws is thrown", async () => {
  await expect(obey(line, ["stop"])).rejects.toMatchObject({ code: "ERR_CANCELLED" });
});

test("--help and no command at all print the usage, --version the version; no command runs", async () => {
  for (const args of [["--help"], ["-h"], [], ["serve", "--help"]]) expect(await printed(...args)).toBe(line.usage);
  expect(await printed("--version")).toBe("1.2.3\n");
  expect(await printed("serve", "--version")).toBe("1.2.3\n");
  expect(asked).toEqual([]);
});

describe("what is not understood is refused, says where help is, and is not repeated", () => {
  test.each([
    [["sevre"]],
    [["constructor"]],
    [["serve", "sevre"]],
    [["serve", "--sevre"]],
    [["serve", "--home"]],
    [["serve", "--loud=sevre"]],
    [["serve", "-x"]],
  ])("%j", async (args) => {
    const refusal = await obey(line, args).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "ERR_USAGE" });
    expect(String(refusal)).toMatch(/see milagro-example --help$/);
    expect(String(refusal)).not.toContain("sevre");
    expect(asked).toEqual([]);
  });
});

test("a flag that must be there is named when it is missing or empty", () => {
  expect(needFlag(line, { home: "/x" }, "home")).toBe("/x");
  for (const flags of [{}, { home: "" }]) {
    expect(() => needFlag(line, flags, "home")).toThrow(
      expect.objectContaining({ code: "ERR_USAGE", message: expect.stringContaining("--home is needed") }),
    );
  }
});
