/**
 * The peer: `rclone serve webdav` over a crypt remote, on a folder or an S3 store.
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

/** Where its ciphertext goes: a folder, or a bucket of a store that takes s3rver's credentials. */
export type CryptTarget = { readonly folder: string } | { readonly endpoint: string; readonly bucket: string };

/** Without variables that mean something to rclone: with `AWS_CA_BUNDLE` this version refuses to talk to any S3 store. */
const environment = (home: string) => ({ PATH: process.env["PATH"] ?? "", HOME: home });

export const hasRclone = (): boolean => spawnSync("rclone", ["version"]).status === 0;

/**
 * @param home - a folder for its configuration
 * @param served - gets the process, which ends with its standard input
 * @returns the address below which objects are
 */
export async function startRclone(
  home: string,
  name: string,
  target: CryptTarget,
  served: ChildProcess[],
): Promise<string> {
  const env = environment(home);
  const obscure = spawnSync("rclone", ["obscure", randomBytes(16).toString("hex")], { env, encoding: "utf8" });
  const beneath =
    "folder" in target
      ? { section: "", remote: target.folder }
      : {
          section: `[s3]\ntype = s3\nprovider = Other\naccess_key_id = S3RVER\nsecret_access_key = S3RVER\nendpoint = ${target.endpoint}\nforce_path_style = true\n`,
          remote: `s3:${target.bucket}/crypt`,
        };
  const config = join(home, `${name}.conf`);
  const crypt = `[crypt]\ntype = crypt\nremote = ${beneath.remote}\npassword = ${obscure.stdout.trim()}\n`;
  await writeFile(config, beneath.section + crypt);
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn("rclone", ["--config", config, "serve", "webdav", "crypt:", "--addr", address], {
    env,
    stdio: ["pipe", "ignore", "pipe"],
  });
  child.stdin.on("close", () => child.kill("SIGTERM"));
  served.push(child);
  let said = "";
  child.stderr.on("data", (chunk) => {
    said = `${said}${chunk}`.slice(-2000);
  });
  const url = `http://${address}`;
  for (let i = 0; i < 300 && child.exitCode === null; i += 1) {
    if (await answers(url)) return url;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`rclone does not serve ${name}: ${said}`);
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    () => true,
    () => false,
  );

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
