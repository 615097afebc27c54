// Programs that speak TLS-PSK themselves (stunnel, openssl, Mosquitto), on either side, with keys by `milagro psk`.
import { once } from "node:events";
import net from "node:net";
import { setTimeout } from "node:timers/promises";
import { createServer, requestKey, tlsClient } from "@milagro/channel";

// A channel server as it is: the program beside `milagro psk get --to <this identity>` comes with a ticket for its key.
export function serve(self, allow) {
  return createServer({ self, allow }, (channel) => {
    channel.on("error", () => channel.destroy());
    channel.once("data", (text) => channel.end(`${String(text).trim()} ${channel.peerIdentity}`));
  });
}

// Agrees on a key with `milagro psk serve`, at `port`, and uses it at the program beside, at `programPort`.
export async function call(self, to, { host, port, programPort = port }) {
  const { identity, psk } = await requestKey({ self, to, host, port });
  const key = psk.use((bytes) => bytes.slice());
  psk.destroy();
  try {
    return await soon(async () => {
      const socket = net.connect(programPort, host);
      await once(socket, "connect");
      const tls = await tlsClient(socket, { identity, key }, {});
      tls.write("hello\n");
      const [answer] = await once(tls, "data");
      tls.destroy();
      return String(answer).trim();
    });
  } finally {
    key.fill(0);
  }
}

// The program was told of the key when it was made, and takes a moment to read it; stunnel does not listen meanwhile, and resets whom it has not taken in:
// before TLS, in the middle of it (`ERR_UNREACHABLE`), or after.
const NOT_YET = ["ERR_CHANNEL_TICKET", "ERR_UNREACHABLE", "ECONNREFUSED", "ECONNRESET"];
async function soon(attempt) {
  for (let left = 20; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (!NOT_YET.includes(error.code) || left === 0) throw error;
      await setTimeout(100);
    }
  }
}
