import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MilagroError } from "@milagro/engine/error";
import type { SecretPath } from "@milagro/protocol/secret-path";
import { describe, expect, onTestFinished, test } from "vitest";
import { tempFolder } from "../../../tests/support/temp-folder.ts";
import { removeOutputFile, writeOutputFile } from "../src/output-file.ts";
import { reload } from "../src/reload.ts";
import { parseTemplate, renderTemplate } from "../src/template.ts";

async function memoryFolder(): Promise<string> {
  const folder = await mkdtemp("/dev/shm/milagro-test-");
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: unknown) => (error instanceof MilagroError ? error.code : String(error)),
  );
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "ok";
  } catch (error) {
    return error instanceof MilagroError ? error.code : String(error);
  }
};

describe("templates", () => {
  const values: Record<string, Uint8Array> = {
    "db/user": Buffer.from("scott"),
    "db/pass": Buffer.from('ti"ger\n'),
    binary: Uint8Array.of(0xff, 0),
  };
  const render = (source: string) => {
    const bytes = renderTemplate(parseTemplate(source), (path: SecretPath) => values[path]);
    return bytes && Buffer.from(bytes).toString();
  };
  test.each([
    ["plain text { with } braces", "plain text { with } braces"],
    ['user={{secret "db/user"}}', "user=scott"],
    ['{{ secret "db/user" }}{{secret "db/user"}}', "scottscott"],
    ['{"password": {{secret "db/pass" | json}}}', '{"password": "ti\\"ger\\n"}'],
    ['{{secret "binary" | base64}}', "/wA="],
    ["", ""],
  ])("%s", (source, expected) => {
    expect(render(source)).toBe(expected);
  });
  test("nothing is rendered while a secret is missing", () => {
    expect(render('{{secret "db/user"}} {{secret "not/here"}}')).toBeUndefined();
  });
  test("what a secret holds is never taken for a template", () => {
    values["tricky"] = Buffer.from('{{secret "db/pass"}}');
    expect(render('{{secret "tricky"}}')).toBe('{{secret "db/pass"}}');
  });
  test.each([
    "{{secret}}",
    "{{secret db/user}}",
    '{{ env "HOME" }}',
    '{{secret "a"',
    '{{secret "a" | shell}}',
    '{{{{secret "a"}}',
    '{{secret "a b"}}',
  ])("%s is refused", (source) => {
    expect(codeOf(() => parseTemplate(`first line\n${source}`))).toBe("ERR_TEMPLATE_INVALID");
  });
  test("a path outside the grammar is refused", () => {
    expect(codeOf(() => parseTemplate('{{secret "../etc/passwd"}}'))).toBe("ERR_PATH_INVALID");
  });
  test("bytes that are no text need base64", () => {
    expect(codeOf(() => render('{{secret "binary"}}'))).toBe("ERR_TEMPLATE_INVALID");
  });
});

describe("files", () => {
  const options = { mode: 0o440, allowDisk: false };
  test("have exactly the mode that was asked for, are replaced in one step, and leave nothing beside them", async () => {
    const folder = await memoryFolder();
    const path = join(folder, "secret");
    await writeOutputFile(path, Buffer.from("one"), options);
    const { ino, mode } = await stat(path);
    expect(mode & 0o7777).toBe(0o440);
    await writeOutputFile(path, Buffer.from("two"), { ...options, mode: 0o400 });
    expect((await stat(path)).ino).not.toBe(ino);
    expect((await stat(path)).mode & 0o7777).toBe(0o400);
    expect(await readFile(path, "utf8")).toBe("two");
    expect(await readdir(folder)).toEqual(["secret"]);
  });
  test.skipIf(process.getuid?.() !== 0)("belong to whom they are for", async () => {
    const path = join(await memoryFolder(), "secret");
    await writeOutputFile(path, Buffer.from("x"), { ...options, uid: 12_345, gid: 23_456 });
    expect(await stat(path)).toMatchObject({ uid: 12_345, gid: 23_456 });
  });
  test("are not written to a disk unless that is allowed", async () => {
    const folder = await tempFolder();
    const inMemory = (await import("node:fs")).statfsSync(folder).type === 0x01021994;
    expect(await code(writeOutputFile(join(folder, "x"), Buffer.from("x"), options))).toBe(
      inMemory ? "ok" : "ERR_OUTPUT_NOT_MEMORY",
    );
    expect(await code(writeOutputFile(join(folder, "y"), Buffer.from("x"), { ...options, allowDisk: true }))).toBe(
      "ok",
    );
  });
  test("are not written through a symbolic link, nor over a folder", async () => {
    const folder = await memoryFolder();
    await symlink("/etc/passwd", join(folder, "link"));
    await mkdir(join(folder, "dir"));
    expect(await code(writeOutputFile(join(folder, "link"), Buffer.from("x"), options))).toBe("ERR_OUTPUT_UNWRITABLE");
    expect(await code(writeOutputFile(join(folder, "dir"), Buffer.from("x"), options))).toBe("ERR_OUTPUT_UNWRITABLE");
    await removeOutputFile(join(folder, "link"));
    expect(await readdir(folder)).toEqual(["dir", "link"]);
  });
  test("are not written where everybody may replace them", async () => {
    const folder = await memoryFolder();
    await chmod(folder, 0o777);
    expect(await code(writeOutputFile(join(folder, "x"), Buffer.from("x"), options))).toBe("ERR_OUTPUT_UNWRITABLE");
  });
  test("a folder that is not there is an error", async () => {
    expect(await code(writeOutputFile("/dev/shm/no/such/folder/x", Buffer.from("x"), options))).toBe(
      "ERR_OUTPUT_UNWRITABLE",
    );
  });
});

describe("telling a program", () => {
  test("by a signal to the process in its pid file", async () => {
    const folder = await tempFolder();
    const child = spawn("sh", ["-c", "trap 'exit 42' USR1; echo ready; while :; do sleep 0.05; done"]);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    await writeFile(join(folder, "pid"), `${child.pid}\n`);
    const ended = new Promise((resolve) => child.once("close", resolve));
    await reload({ kind: "signal", pidFile: join(folder, "pid"), signal: "SIGUSR1" });
    expect(await ended).toBe(42);
  });
  test.each(["", "0", "1", "-5", "12 34", "$(id)", "99999999999999"])("never to what %j would mean", async (text) => {
    const pidFile = join(await tempFolder(), "pid");
    await writeFile(pidFile, text);
    expect(await code(reload({ kind: "signal", pidFile, signal: "SIGTERM" }))).toBe("ERR_RELOAD_FAILED");
  });
  test("by a command, without a shell and without our environment", async () => {
    const file = join(await tempFolder(), "out");
    process.env["MILAGRO_TEST_LEAK"] = "leak";
    await reload({
      kind: "command",
      command: ["sh", "-c", 'env > "$0"; echo "$1" >> "$0"', file, "$(id)"],
      timeoutMs: 5000,
    });
    delete process.env["MILAGRO_TEST_LEAK"];
    const text = await readFile(file, "utf8");
    expect(text).toContain("$(id)");
    expect(text).not.toContain("leak");
  });
  test.each([
    ["fails", ["false"]],
    ["is not there", ["/no/such/program"]],
    ["takes too long", ["sleep", "30"]],
  ])("a command that %s is an error", async (_name, command) => {
    expect(await code(reload({ kind: "command", command, timeoutMs: 300 }))).toBe("ERR_RELOAD_FAILED");
  });
});
