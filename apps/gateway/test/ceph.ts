/**
 * Ceph from Debian's packages, the smallest that there is: one monitor, one store in memory, and its S3 gateway, as processes of this user on loopback, without
 * authentication among themselves. Needs no service, no disk and no other user; takes three seconds to start and 110 MB.
 * @module
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePorts } from "../../../tests/support/ports.ts";
import type { S3BackendOptions } from "../src/backend/s3.ts";

/** What `needs` is asked for. */
export const CEPH_PROGRAMS = ["monmaptool", "ceph-mon", "ceph", "ceph-osd", "radosgw", "radosgw-admin"] as const;

export interface CephStore extends S3BackendOptions {
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  stop(): Promise<void>;
}

const run = promisify(execFile);
const ATTEMPTS = 900;

/** @param folder - for its records and logs; the caller removes it */
export async function startCeph(folder: string): Promise<CephStore> {
  const [monitorPort, port] = (await freePorts(2)) as [number, number];
  const config = join(folder, "ceph.conf");
  const [cluster, osd] = [randomUUID(), randomUUID()];
  const monitor = `[v2:127.0.0.1:${monitorPort}/0]`;
  await writeFile(config, configOf(folder, cluster, monitor));
  for (const name of ["mon", "osd", "rgw"]) await mkdir(join(folder, name));
  const children: ChildProcess[] = [];
  const start = (program: string, ...args: string[]): void => {
    const child = spawn(program, ["-f", "-c", config, ...args], { stdio: "ignore" });
    child.on("error", () => {});
    children.push(child);
  };
  const stop = async (): Promise<void> => {
    for (const child of children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) continue;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      // All it has is in memory: there is nothing to close.
      child.kill("SIGKILL");
      await gone;
    }
  };
  try {
    const map = join(folder, "monmap");
    await run("monmaptool", ["--create", "--fsid", cluster, "--addv", "a", monitor, map]);
    await run("ceph-mon", ["-c", config, "-i", "a", "--mkfs", "--monmap", map]);
    start("ceph-mon", "-i", "a");
    await run("ceph", ["-c", config, "--connect-timeout", "60", "osd", "new", osd, "0"]);
    await run("ceph-osd", ["-c", config, "-i", "0", "--mkfs", "--osd-uuid", osd]);
    start("ceph-osd", "-i", "0");
    const frontend = `beast endpoint=127.0.0.1:${port}`;
    start("radosgw", "-n", "client.admin", `--rgw_frontends=${frontend}`);
    const endpoint = `http://127.0.0.1:${port}`;
    await untilAnswering(endpoint, folder);
    const credentials = { accessKeyId: "CEPH", secretAccessKey: "CEPH-SECRET" };
    const keys = ["--access-key", credentials.accessKeyId, "--secret-key", credentials.secretAccessKey];
    await run("radosgw-admin", [
      "-c",
      config,
      "user",
      "create",
      "--uid",
      "gateway",
      "--display-name",
      "gateway",
      ...keys,
    ]);
    return { region: "us-east-1", endpoint, credentials, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configOf(folder: string, cluster: string, monitor: string): string {
  const settings: Record<string, string> = {
    fsid: cluster,
    mon_host: monitor,
    public_addr: "127.0.0.1",
    ms_bind_msgr1: "false",
    // Without keys among them, connections cannot be encrypted, which some would insist on.
    ...Object.fromEntries(
      ["auth_cluster_required", "auth_service_required", "auth_client_required"].map((name) => [name, "none"]),
    ),
    ...Object.fromEntries(
      ["ms_mon_cluster", "ms_mon_service", "ms_mon_client", "ms_cluster", "ms_service", "ms_client"].map((name) => [
        `${name}_mode`,
        "crc",
      ]),
    ),
    // One copy of everything, in memory.
    osd_objectstore: "memstore",
    memstore_device_bytes: "1073741824",
    osd_pool_default_size: "1",
    osd_pool_default_min_size: "1",
    osd_pool_default_pg_num: "1",
    osd_pool_default_pgp_num: "1",
    osd_pool_default_pg_autoscale_mode: "off",
    osd_crush_chooseleaf_type: "0",
    mon_allow_pool_size_one: "true",
    mon_data_avail_crit: "0",
    // Nobody else has to agree, so nothing is waited for.
    paxos_propose_interval: "0.02",
    paxos_min_wait: "0.01",
    mon_data: join(folder, "mon"),
    osd_data: join(folder, "osd"),
    rgw_data: join(folder, "rgw"),
    run_dir: folder,
    crash_dir: folder,
    pid_file: join(folder, "$name.pid"),
    admin_socket: join(folder, "$name.asok"),
    log_file: join(folder, "$name.log"),
    mon_cluster_log_file: join(folder, "cluster.log"),
  };
  return `[global]\n${Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("")}`;
}

async function untilAnswering(url: string, folder: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch (cause) {
      if (attempt >= ATTEMPTS) {
        const log = await readFile(join(folder, "client.admin.log"), "utf8").catch(() => "it wrote no log");
        throw new Error(`Ceph's S3 gateway does not answer: ${log.slice(-2000)}`, { cause });
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
