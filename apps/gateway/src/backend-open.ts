/**
 * A backend by its address: `file:///path`, or `s3://` with region and endpoint from the settings.
 * @module
 */
import { fileURLToPath } from "node:url";
import { MilagroError } from "@milagro/engine/error";
import type { Clock } from "@milagro/runtime/clock";
import type { Backend } from "./backend/backend.ts";
import { openFolderBackend } from "./backend/folder.ts";
import type { GatewayConfig } from "./config.ts";

/** @throws `ERR_CONFIG_INVALID` for another address */
export async function openBackend(config: GatewayConfig, clock: Clock): Promise<Backend> {
  const { backend, region, storeTimeoutMs } = config;
  if (backend.startsWith("file://")) return openFolderBackend(folderOf(backend), clock);
  const match = /^s3:\/\/(https?:\/\/[^/?#]+)?\/?$/.exec(backend);
  if (!match) throw new MilagroError("ERR_CONFIG_INVALID", "a backend is file:///path, s3:// or s3://https://host");
  // Amazon's client takes its time to load: only whoever needs it waits.
  const { openS3Backend } = await import("./backend/s3.ts");
  return openS3Backend({ region: config.storeRegion ?? region, endpoint: match[1], timeoutMs: storeTimeoutMs });
}

function folderOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw new MilagroError("ERR_CONFIG_INVALID", "a folder as backend is file:///path");
  }
}
