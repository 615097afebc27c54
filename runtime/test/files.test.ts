import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findProgram, needs } from "../../tests/support/needs.ts";
import { tempFolder } from "../../tests/support/temp-folder.ts";
import { makePrivateFolder, readFileLimited, removeLeftovers, writeFileAtomic } from "../src/atomic-file.ts";
import {
  type Passphrase,
  passphraseFromBytes,
  passphraseFromText,
  readPassphrase,
  readPassphraseDescriptor,
  readPassphraseFile,
} from "../src/passphrase.ts";

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "ok",
    (error: { code?: string }) => error.code ?? String(error),
  );
const textOf = (passphrase: Passphrase) => passphrase.use((bytes) => new TextDecoder().decode(bytes));

describe("atomic files", () => {
  test("replaces content, sets the mode whatever the umask, leaves no temporary file", async () => {
    const folder = await tempFolder();
    const path = join(folder, "f");
    await writeFileAtomic(path, "one");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const before = process.umask(0o077);
    await writeFileAtomic(path, new Uint8Array([50]), { mode: 0o644 });
    process.umask(before);
    expect(readFileSync(path, "utf8")).toBe("2");
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readdirSync(folder)).toEqual(["f"]);
  });

  test("an exclusive write does not replace, an impossible one leaves nothing", async () => {
    const folder = await tempFolder();
    const path = join(folder, "f");
    await writeFileAtomic(path, "one", { exclusive: true });
    expect(await failure(writeFileAtomic(path, "two", { exclusive: true }))).toBe("ERR_FILE_EXISTS");
    expect(readFileSync(path, "utf8")).toBe("one");
    mkdirSync(join(folder, "d"));
    expect(await failure(writeFileAtomic(join(folder, "d"), "x"))).toBe("ERR_FILE_UNWRITABLE");
    expect(await failure(writeFileAtomic(join(folder, "none", "f"), "x"))).toBe("ERR_FILE_UNWRITABLE");
    expect(readdirSync(folder).sort()).toEqual(["d", "f"]);
  });

  test("what a killed process left is found and removed, other files stay", async () => {
    const folder = await tempFolder();
    for (const name of [".f.0123456789abcdef.tmp", ".f.tmp", "f.0123456789abcdef.tmp"])
      writeFileSync(join(folder, name), "x");
    expect(await removeLeftovers(folder)).toBe(1);
    expect(readdirSync(folder).sort()).toEqual([".f.tmp", "f.0123456789abcdef.tmp"]);
  });

  const mayMount = spawnSync("unshare", ["--mount", "true"]).status === 0;
  const onSmallDisk = mayMount
    ? needs("unshare", "mount")
    : (name: string, _body: () => Promise<void>) => test.skip(`${name} (needs the permission to mount)`, () => {});
  onSmallDisk("a full disk is ERR_STORAGE_FULL and the old file stays", async () => {
    const folder = await tempFolder();
    const source = new URL("../src/atomic-file.ts", import.meta.url).pathname;
    const script = `
      const { writeFileAtomic } = await import(${JSON.stringify(source)});
      const fs = await import("node:fs");
      await writeFileAtomic("f", "old");
      const error = await writeFileAtomic("f", new Uint8Array(1 << 20)).catch((e) => e);
      console.log(JSON.stringify([error.code, fs.readFileSync("f", "utf8"), fs.readdirSync(".")]));`;
    const shell =
      'mount -t tmpfs -o size=256k none "$0" && cd "$0" && "$1" --conditions=@milagro/source --input-type=module -e "$2"';
    const run = spawnSync(
      findProgram("unshare") ?? "",
      ["--mount", "sh", "-c", shell, folder, process.execPath, script],
      { encoding: "utf8" },
    );
    expect(JSON.parse(run.stdout)).toEqual(["ERR_STORAGE_FULL", "old", ["f"]]);
  });

  test("reading stops at the limit", async () => {
    const path = join(await tempFolder(), "f");
    writeFileSync(path, "12345");
    expect(new TextDecoder().decode(await readFileLimited(path, 5))).toBe("12345");
    expect(await failure(readFileLimited(path, 4))).toBe("ERR_FILE_TOO_LARGE");
    expect(await failure(readFileLimited("/dev/zero", 100_000))).toBe("ERR_FILE_TOO_LARGE");
    expect(await failure(readFileLimited(`${path}.none`, 5))).toBe("ERR_FILE_MISSING");
    expect(await failure(readFileLimited(await tempFolder(), 5))).toBe("ERR_FILE_UNREADABLE");
  });

  test("a private folder is for its owner, an existing one is left as it is", async () => {
    const folder = await tempFolder();
    await makePrivateFolder(join(folder, "a", "b"));
    expect(statSync(join(folder, "a", "b")).mode & 0o777).toBe(0o700);
    mkdirSync(join(folder, "c"), { mode: 0o755 });
    await makePrivateFolder(join(folder, "c"));
    expect(statSync(join(folder, "c")).mode & 0o777).toBe(0o755);
    writeFileSync(join(folder, "file"), "");
    expect(await failure(makePrivateFolder(join(folder, "file", "x")))).toBe("ERR_FILE_UNWRITABLE");
  });
});

describe("passphrases", () => {
  test("one line break at the end belongs to the file, not to the passphrase", () => {
    const read = (text: string) => textOf(passphraseFromBytes(new TextEncoder().encode(text)));
    expect(read("a b\n")).toBe("a b");
    expect(read("a b\r\n")).toBe("a b");
    expect(read(" a ")).toBe(" a ");
    expect(textOf(passphraseFromText("e\u0301"))).toBe("é");
  });

  test("empty, several lines, NUL, not UTF-8, too long: refused, and the bytes are wiped", () => {
    for (const bad of ["", "\n", "a\nb", "a\n\n", "a\0b", "\rx", "x".repeat(4097)]) {
      expect(() => passphraseFromText(bad)).toThrow(expect.objectContaining({ code: "ERR_PASSPHRASE_INVALID" }));
    }
    const bytes = new Uint8Array([0x61, 0xff]);
    expect(() => passphraseFromBytes(bytes)).toThrow(expect.objectContaining({ code: "ERR_PASSPHRASE_INVALID" }));
    expect([...bytes]).toEqual([0, 0]);
  });

  test("a file that others can read is refused, through a symbolic link as well", async () => {
    const folder = await tempFolder();
    const path = join(folder, "p");
    writeFileSync(path, "hunter2\n", { mode: 0o600 });
    symlinkSync(path, join(folder, "link"));
    expect(textOf(await readPassphraseFile(path))).toBe("hunter2");
    for (const mode of [0o640, 0o604, 0o660]) {
      chmodSync(path, mode);
      expect(await failure(readPassphraseFile(path))).toBe("ERR_PASSPHRASE_MODE");
      expect(await failure(readPassphraseFile(join(folder, "link")))).toBe("ERR_PASSPHRASE_MODE");
    }
    expect(await failure(readPassphraseFile(join(folder, "none")))).toBe("ERR_FILE_MISSING");
  });

  test("the first given source is used: file, descriptor, prompt", async () => {
    const path = join(await tempFolder(), "p");
    writeFileSync(path, "from file", { mode: 0o600 });
    const prompt = async () => "from prompt";
    expect(textOf(await readPassphrase({ file: path, fd: 99, prompt }))).toBe("from file");
    expect(textOf(await readPassphrase({ fd: openSync(path, "r"), prompt }))).toBe("from file");
    expect(textOf(await readPassphrase({ prompt }))).toBe("from prompt");
    expect(await failure(readPassphrase({}))).toBe("ERR_PASSPHRASE_MISSING");
    expect(() => readPassphraseDescriptor(987)).toThrow(expect.objectContaining({ code: "ERR_FILE_UNREADABLE" }));
  });
});
