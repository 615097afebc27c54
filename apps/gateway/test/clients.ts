/**
 * Debian's S3 programs, run against a gateway as they are.
 * @module
 */
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AccessKey } from "../src/access-keys.ts";

export interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Clients {
  aws(...args: string[]): Promise<Run>;
  rclone(...args: string[]): Promise<Run>;
  s3cmd(...args: string[]): Promise<Run>;
  run(program: string, args: readonly string[]): Promise<Run>;
}

/** @param folder - for their configuration */
export async function clientsOf(folder: string, url: string, key: AccessKey): Promise<Clients> {
  const { host } = new URL(url);
  const rcloneConf = join(folder, "rclone.conf");
  await writeFile(
    rcloneConf,
    `[gw]\ntype = s3\nprovider = Other\naccess_key_id = ${key.id}\nsecret_access_key = ${key.secret}\nendpoint = ${url}\nforce_path_style = true\nregion = us-east-1\n`,
  );
  const s3cfg = join(folder, "s3cfg");
  await writeFile(
    s3cfg,
    `[default]\naccess_key = ${key.id}\nsecret_key = ${key.secret}\nhost_base = ${host}\nhost_bucket = ${host}\nuse_https = False\nsignature_v2 = False\nbucket_location = us-east-1\n`,
  );
  // Left to itself this version of awscli presigns by Signature Version 2.
  await writeFile(join(folder, "aws-config"), "[default]\ns3 =\n  signature_version = s3v4\n");
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    AWS_ACCESS_KEY_ID: key.id,
    AWS_SECRET_ACCESS_KEY: key.secret,
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_CONFIG_FILE: join(folder, "aws-config"),
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_MAX_ATTEMPTS: "1",
    LC_ALL: "C.UTF-8",
  };
  const run = (program: string, args: readonly string[]): Promise<Run> =>
    new Promise((resolve, reject) => {
      const child = spawn(program, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
      const [out, err]: [Buffer[], Buffer[]] = [[], []];
      child.stdout.on("data", (chunk) => out.push(chunk));
      child.stderr.on("data", (chunk) => err.push(chunk));
      child.once("error", reject);
      child.once("close", (status) =>
        resolve({ status: status ?? -1, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
      );
    });
  return {
    run,
    aws: (...args) => run("aws", ["--endpoint-url", url, ...args]),
    rclone: (...args) => run("rclone", ["--config", rcloneConf, "--retries", "1", "--low-level-retries", "1", ...args]),
    s3cmd: (...args) => run("s3cmd", ["-c", s3cfg, ...args]),
  };
}

/** What it printed, when it went well. */
export async function ok(work: Promise<Run>): Promise<string> {
  const { status, stdout, stderr } = await work;
  if (status !== 0) throw new Error(`it ended with ${status}: ${stderr.slice(0, 2000)}${stdout.slice(0, 500)}`);
  return stdout;
}
