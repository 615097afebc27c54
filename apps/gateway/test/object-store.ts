/**
 * `s3rver` on loopback, as it is but for one thing: it answers a PUT when it has read the body, and not when it has written the file. Whoever reads at once, on a
 * machine with much to do, gets the beginning. Here the answer waits until the file is closed.
 * @module
 */
import { once } from "node:events";
import type { WriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import S3rver from "s3rver";
import type { Backend } from "../src/backend/backend.ts";
import { openS3Backend } from "../src/backend/s3.ts";

export interface ObjectStore {
  readonly endpoint: string;
  /** With credentials that it takes, for a gateway in front of it or of what passes on to it. */
  backend(options?: { readonly endpoint?: string; readonly timeoutMs?: number }): Backend;
  /** Resolves when nothing is read or written any more, also of an upload that was cut. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Files that are being written, of all stores here, by path. Those of cut uploads stay: s3rver never closes them. */
const files = new Map<string, WriteStream>();
const fs = createRequire(createRequire(import.meta.url).resolve("s3rver"))("fs-extra") as {
  createWriteStream(path: string): WriteStream;
};
const createWriteStream = fs.createWriteStream;
fs.createWriteStream = (path) => {
  const file = createWriteStream(path);
  files.set(path, file);
  file.once("close", () => files.get(path) === file && files.delete(path));
  return file;
};

/** @param folder - made here; the caller removes it */
export async function startObjectStore(folder: string): Promise<ObjectStore> {
  await mkdir(folder);
  const server = new S3rver({ port: 0, address: "127.0.0.1", directory: folder, silent: true });
  const { store } = server;
  const written = async (path: string): Promise<void> => {
    const file = files.get(path);
    if (file && !file.closed) await once(file, "close");
  };
  const { putObject, putPart } = store;
  store.putObject = async (object) => {
    const put = await putObject.call(store, object);
    await written(store.getResourcePath(object.bucket, object.key, "object"));
    return put;
  };
  store.putPart = async (bucket, upload, number, content) => {
    const put = await putPart.call(store, bucket, upload, number, content);
    await written(join(store.getResourcePath(bucket, undefined, "uploads"), upload, String(number)));
    return put;
  };
  const { port } = await server.run();
  let requests = 0;
  server.httpServer.on("request", (_, response) => {
    requests += 1;
    response.once("close", () => {
      requests -= 1;
    });
  });
  const isAtRest = (): boolean => requests === 0 && [...files.values()].every((file) => file.writableLength === 0);
  const endpoint = `http://127.0.0.1:${port}`;
  const credentials = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };
  return {
    endpoint,
    backend: (options) => openS3Backend({ region: "us-east-1", endpoint, credentials, ...options }),
    async settled() {
      // Between one chunk and the next there is a moment with nothing to write.
      for (let times = 0; times < 3; times = isAtRest() ? times + 1 : 0) await sleep(20);
    },
    async close() {
      server.httpServer.closeAllConnections();
      await server.close();
    },
  };
}
