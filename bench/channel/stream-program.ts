/**
 * Both ends of a transfer as programs, for network namespaces: `serve` listens and sends what it is asked for; `fetch HOST PORT MEBIBYTES TIMES` prints MiB
 * a second, one number a line.
 * @module
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { throughput } from "./measures.ts";

const [role, host = "", port = "0", mebibytes = "0", times = "0"] = process.argv.slice(2);
const CHUNK = Buffer.alloc(1_048_576, 7);

if (role === "serve") {
  const server = createServer((socket) => {
    socket
      .on("error", () => {})
      .on("data", async (order: Buffer) => {
        for (let left = Number(order.subarray(1).toString()); left > 0 && !socket.destroyed; left--)
          if (!socket.write(CHUNK)) await new Promise((resolve) => socket.once("drain", resolve));
      });
  });
  server.listen(0, "0.0.0.0", () => console.log((server.address() as { port: number }).port));
} else {
  for (let i = 0; i < Number(times); i++) {
    const open = async () => {
      const socket = connect(Number(port), host);
      await once(socket, "connect");
      return socket;
    };
    console.log(await throughput(open, Number(mebibytes)));
  }
}
