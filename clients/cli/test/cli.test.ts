import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MilagroError } from "@milagro/engine/error";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { tempFolder } from "../../../tests/support/temp-folder.ts";
import { isGroup } from "../src/command.ts";
import { parseImport } from "../src/commands/secret-import.ts";
import { COMMANDS } from "../src/commands.ts";
import { describeFailure, printFailure } from "../src/failure.ts";
import { printable, printResult } from "../src/output.ts";
import { buildProgram } from "../src/program.ts";
import { withProgress } from "../src/progress.ts";
import { resolveSettings } from "../src/settings.ts";
import { styleFor } from "../src/style.ts";
import { readValue } from "../src/value.ts";
import { fakeIo, run } from "./run-cli.ts";

const program = await buildProgram(COMMANDS, fakeIo().io, "all", async () => {});
function leaves(command: Command, path: string[] = []): string[][] {
  return command.commands.length === 0
    ? [path]
    : command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
}
const codeOf = (error: unknown) => (error instanceof MilagroError ? error.code : error);

describe("help", () => {
  test("the list of commands says what each command says of itself", async () => {
    for (const lazy of COMMANDS) {
      const node = await lazy.load();
      expect([lazy.name, lazy.summary]).toEqual([node.name, node.summary]);
    }
  });

  test.each(leaves(program).map((path) => [path.join(" "), path] as const))(
    "milagro %s --help has usage and an example of itself",
    async (name, path) => {
      const { status, stdout, stderr } = await run([...path, "--help"]);
      expect([status, stderr]).toEqual([0, ""]);
      expect(stdout).toContain(`Usage: milagro ${name}`);
      expect(stdout.slice(stdout.indexOf("Examples:"))).toContain(`milagro ${name}`);
    },
  );

  test("every option of an example exists", async () => {
    for (const lazy of COMMANDS) {
      const node = await lazy.load();
      for (const spec of isGroup(node) ? node.commands : [node]) {
        const known = new Set(program.options.flatMap(({ long, short }) => [long, short]));
        for (const { flags } of spec.options ?? [])
          for (const flag of flags.match(/--?[a-z][a-z-]*/g) ?? []) known.add(flag);
        const own = isGroup(node) ? `milagro ${node.name} ${spec.name}` : `milagro ${spec.name}`;
        for (const { line } of spec.examples) {
          const part = line.slice(line.indexOf(own)).split(/ -- |[|;<>]/)[0] ?? "";
          for (const flag of part.match(/(?<= )--?[a-z][a-z-]*/g) ?? []) expect([...known]).toContain(flag);
        }
      }
    }
  });

  test("without a command, help is shown", async () => {
    const { status, stderr } = await run([]);
    expect(status).toBe(1);
    expect(stderr).toContain("Usage: milagro");
  });
});

describe("exit status and errors", () => {
  test.each([
    ["a local error", new MilagroError("ERR_KEY_MISSING", "no key"), 1],
    ["a remote error", new MilagroError("ERR_UNREACHABLE", "away"), 2],
    ["a refusal by policy", new MilagroError("ERR_ACCESS_DENIED", "no"), 3],
    ["a code of a newer version", new MilagroError("ERR_OF_THE_FUTURE", "what"), 1],
    ["a bug", new RangeError("secret-value-in-message"), 1],
  ])("%s", (_name, error, status) => {
    const { io, stderr } = fakeIo();
    expect(printFailure(io, "table", false, error)).toBe(status);
    expect(stderr()).not.toContain("    at ");
    expect(stderr()).not.toContain("secret-value-in-message");
  });

  test("as JSON it is one line with code, message and remedy", async () => {
    const { status, stdout, stderr } = await run(["--format", "json", "identity", "show", "milagro:bad"]);
    expect([status, stdout]).toEqual([1, ""]);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "ERR_IDENTITY_INVALID", remedy: expect.any(String) } });
  });

  test("--debug shows the stack, and its causes", () => {
    const { io, stderr } = fakeIo();
    printFailure(io, "table", true, new MilagroError("ERR_INTERNAL", "outer", { cause: new Error("inner") }));
    expect(stderr()).toMatch(/outer[\s\S]*at [\s\S]*caused by: Error: inner/);
  });

  test.each([
    ["an unknown command", ["nonsense"], "unknown command"],
    ["an unknown option", ["status", "--nonsense"], "unknown option"],
    ["a missing argument", ["secret", "put"], "missing required argument"],
    ["a value outside its choices", ["--format", "xml", "status"], "xml"],
    ["a number that is none", ["secret", "list", "--limit", "many"], "whole number"],
    ["a file that is not there", ["domain", "verify", "/nonexistent/x.json"], "no such file"],
    ["no domain", ["status"], "no domain is pinned"],
    [
      "an endpoint that does not run",
      ["run", "--socket", "/nonexistent/s", "-e", "A=b", "--", "true"],
      "no endpoint daemon answers",
    ],
    [
      "evidence on the command line",
      ["enrol", "--evidence", "mjt1_1_x", "--id", "milagro:acme/person/a"],
      "no domain acme",
    ],
    ["deleting without being asked", ["secret", "rm", "x"], "needs --yes"],
    ["a D-TA without its folder", ["dta", "status"], "--home is needed"],
    ["enrolling nobody", ["enrol"], "--id milagro:<domain>/<kind>/<name>"],
    ["a D-TA that was never made", ["dta", "serve", "--home", "/nonexistent/d"], "`milagro dta init` makes one"],
    ["a D-KMS without a domain", ["kms", "serve", "--home", "/nonexistent/k"], "--descriptor is needed"],
    ["an endpoint without settings", ["endpoint", "run", "--home", "/nonexistent/e"], "has no config.json"],
    [
      "a new D-TA and nobody to ask",
      ["dta", "init", "--home", "/nonexistent/d", "--name", "a", "--operator", "b", "--jurisdiction", "CH"],
      "ERR_PASSPHRASE_MISSING",
    ],
  ])("%s ends with status 1, one reason and no stack", async (_name, args, reason) => {
    const { status, stdout, stderr } = await run(args);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(reason);
    expect(stderr).not.toContain("    at ");
  });

  test("system errors are told without internals", () => {
    const error = Object.assign(new Error("EACCES: permission denied, open '/x'"), {
      code: "EACCES",
      syscall: "open",
      path: "/x",
    });
    expect(describeFailure(error)).toMatchObject({ message: "/x: permission denied", status: 1 });
  });
});

describe("settings", () => {
  test("flags win over environment over file", async () => {
    const home = await tempFolder();
    await writeFile(
      join(home, "config.json"),
      JSON.stringify({ domain: "file", kms: "http://file", identity: "file", passphraseFile: "pass" }),
    );
    const { io } = fakeIo({
      env: { MILAGRO_HOME: home, MILAGRO_DOMAIN: "env", MILAGRO_KMS: "http://env", MILAGRO_FORMAT: "" },
      cwd: "/here",
    });
    expect(resolveSettings({ domain: "flag" }, io)).toMatchObject({
      home,
      format: "table",
      domain: "flag",
      kms: "http://env",
      identity: "file",
      passphraseFile: join(home, "pass"),
    });
    expect(resolveSettings({ passphraseFile: "pass" }, io).passphraseFile).toBe("/here/pass");
  });

  test.each([
    ["an unknown key", '{"colour":"red"}'],
    ["a wrong type", '{"domain":1}'],
    ["a wrong format", '{"format":"xml"}'],
    ["no JSON", "domain=acme"],
  ])("%s in the file is refused", async (_name, text) => {
    const home = await tempFolder();
    await writeFile(join(home, "config.json"), text);
    expect(() => resolveSettings({ home }, fakeIo().io)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID" }),
    );
  });

  test("a passphrase in the environment is refused, and not repeated", async () => {
    const { status, stderr } = await run(["status"], { env: { MILAGRO_PASSPHRASE: "hunter2-hunter2" } });
    expect(status).toBe(1);
    expect(stderr).toContain("MILAGRO_PASSPHRASE_FILE");
    expect(stderr).not.toContain("hunter2");
  });
});

describe("values", () => {
  const read = async (argument: string, input = "") =>
    Buffer.from(await readValue(fakeIo({ input, cwd: await folderWithFile() }).io, argument)).toString();
  async function folderWithFile(): Promise<string> {
    const folder = await tempFolder();
    await writeFile(join(folder, "value.txt"), "from the file");
    return folder;
  }
  test.each([
    ["-", "from stdin"],
    ["@value.txt", "from the file"],
    ["@@text", "@text"],
    ["plain", "plain"],
  ])("%s", async (argument, expected) => {
    expect(await read(argument, "from stdin")).toBe(expected);
  });
  test("more than a mebibyte is refused", async () => {
    await expect(read("-", "x".repeat(1024 * 1024 + 1))).rejects.toMatchObject({ code: "ERR_VALUE_INVALID" });
  });
});

describe("importing", () => {
  test(".env files and nested JSON become paths", () => {
    expect(parseImport("# comment\nexport A=1\nB=\"two\\nlines\"\nC='raw\\n'\n", "app/")).toEqual([
      ["app/A", "1"],
      ["app/B", "two\nlines"],
      ["app/C", "raw\\n"],
    ]);
    expect(parseImport('{"db":{"user":"u","password":"p"}}', "")).toEqual([
      ["db/user", "u"],
      ["db/password", "p"],
    ]);
  });
  test.each([
    ["a line that is none", "TOP SECRET", "line 1"],
    ["an open quote", 'A="TOP SECRET', "line 1"],
    ["a number in JSON", '{"a":5}', "a is neither"],
    ["broken JSON", '{"a":"TOP SECRET"', "begins like JSON"],
    ["a name that is no path", "A/../B=TOP SECRET", "secret path"],
  ])("%s is refused before anything is stored, without its value", (_name, text, reason) => {
    let message = "";
    try {
      parseImport(text, "");
    } catch (error) {
      message = `${codeOf(error)} ${(error as Error).message}`;
    }
    expect(message).toContain(reason);
    expect(message).not.toContain("TOP SECRET");
  });
});

describe("output", () => {
  const rows = {
    kind: "rows",
    columns: ["name", "state"],
    rows: [
      ["a", "ok"],
      ["longer", "down"],
    ],
    empty: "nothing",
  } as const;
  test("tables are aligned and have no trailing blanks", () => {
    const { io, stdout } = fakeIo();
    printResult(io, "table", { data: [], view: rows });
    expect(stdout()).toBe("NAME    STATE\na       ok\nlonger  down\n");
  });
  test("JSON is what the data is, whatever the view", () => {
    const { io, stdout } = fakeIo();
    printResult(io, "json", { data: { a: [1, null] }, view: rows });
    expect(JSON.parse(stdout())).toEqual({ a: [1, null] });
  });
  test("text from elsewhere cannot move the cursor", () => {
    expect(printable("a\u001b[2Jb\u001b]0;title\u0007c\rd")).toBe("a�[2Jb�]0;title�c�d");
  });
  test.each([
    [{ tty: true }, true],
    [{ tty: false }, false],
    [{ tty: true, env: { NO_COLOR: "1" } }, false],
    [{ tty: true, env: { NO_COLOR: "" } }, true],
    [{ tty: true, env: { TERM: "dumb" } }, false],
    [{ tty: false, env: { FORCE_COLOR: "1" } }, true],
  ])("colour with %j: %s", (options, coloured) => {
    expect(styleFor(fakeIo(options).io, "stdout").red("x") !== "x").toBe(coloured);
  });
  test("progress asks for its words when it speaks", async () => {
    const { io, stderr } = fakeIo();
    let megabytes = 0;
    const work = new Promise((resolve) => setTimeout(resolve, 1100));
    const shown = withProgress(io, () => `encrypting, ${megabytes} MB`, work);
    megabytes = 7;
    await shown;
    expect(stderr()).toBe("encrypting, 7 MB …\n");
  });
  test("progress is silent for what is quick and one plain line where there is no terminal", async () => {
    const quick = fakeIo();
    await withProgress(quick.io, "working", Promise.resolve(1));
    expect(quick.stderr()).toBe("");
    const slow = fakeIo();
    await withProgress(slow.io, "working", new Promise((resolve) => setTimeout(resolve, 1100)));
    expect(slow.stderr()).toBe("working …\n");
  });
});

describe("completion", () => {
  test.each(["bash", "zsh", "fish"])("%s knows every command and option", async (shell) => {
    const { status, stdout } = await run(["completion", shell]);
    expect(status).toBe(0);
    for (const path of leaves(program)) for (const word of path) expect(stdout).toContain(word);
    expect(stdout).toContain("passphrase-file");
  });

  test("bash completes a command, a sub-command and an option", async () => {
    const { stdout } = await run(["completion", "bash"]);
    const complete = (...words: string[]) => {
      const script = `${stdout}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _milagro; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return spawnSync("bash", ["-c", script], { encoding: "utf8" }).stdout.trim().split("\n");
    };
    expect(complete("milagro", "sec")).toEqual(["secret"]);
    expect(complete("milagro", "--home", "x", "secret", "ro")).toEqual(["rotate"]);
    expect(complete("milagro", "secret", "put", "a", "--pass")).toEqual(["--passphrase-file"]);
    expect(complete("milagro", "--format", "j")).toEqual(["json"]);
  });
});

describe("running a program", () => {
  test.each([
    ["its exit status is ours", "exit 7", 7],
    ["also when a signal ends it", "kill -TERM $$", 143],
  ])("%s", async (_name, script, status) => {
    expect((await run(["run", "--", "sh", "-c", script])).status).toBe(status);
  });

  test("it does not get our settings", async () => {
    const { stdout } = await run(["run", "--", "sh", "-c", "env"], {
      env: { MILAGRO_PASSPHRASE_FILE: "/p", OTHER: "kept" },
    });
    expect(stdout).toContain("OTHER=kept");
    expect(stdout).not.toContain("MILAGRO_");
  });

  test("a program that is not there is a local error", async () => {
    expect(await run(["run", "--", "no-such-program-here"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("ERR_COMMAND_FAILED"),
    });
  });

  test.each([
    ["-e", "noequals"],
    ["-e", "9X=a"],
    ["-e", "A=../b"],
    ["-f", "=a"],
  ])("%s %s is refused", async (flag, value) => {
    expect((await run(["run", flag, value, "--", "true"])).status).toBe(1);
  });
});

describe("audit verify", () => {
  test("says what is not a log", async () => {
    const folder = await tempFolder();
    await mkdir(join(folder, "x"));
    await writeFile(join(folder, "x", "dta.sqlite"), "not a database");
    expect(await run(["audit", "verify", "x"], { cwd: folder })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("ERR_DATABASE_CORRUPT"),
    });
    expect(await run(["audit", "verify", "y"], { cwd: folder })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("ERR_FILE_MISSING"),
    });
  });
});
