// undici, and `fetch` by way of its dispatcher: HTTP/2 over one channel, many requests at once.
import http from "node:http";
import http2 from "node:http2";
import { attach, channelConnector, createServer } from "@milagro/channel";
import { Agent, fetch } from "undici";

export function serve(self, allow) {
  const modern = http2.createServer();
  modern.on("stream", (stream) => {
    stream.respond({ ":status": 200 });
    stream.end(`hello ${stream.session.socket.peerIdentity} by h2`);
  });
  const plain = http.createServer((request, response) => response.end(`hello ${request.socket.peerIdentity}`));
  const server = createServer({ self, allow, ALPNProtocols: ["h2", "http/1.1"] });
  attach(server, { http2: modern, http: plain });
  return server;
}

export async function call(self, to, address) {
  // The URL says https, so that undici asks for HTTP/2; what secures it is the channel.
  const dispatcher = new Agent({
    allowH2: true,
    connect: channelConnector({ self, to, ...address, ALPNProtocols: ["h2", "http/1.1"] }),
  });
  try {
    const answers = await Promise.all(
      [1, 2, 3].map(async () => (await fetch("https://service/", { dispatcher })).text()),
    );
    return [...new Set(answers)].join();
  } finally {
    await dispatcher.close();
  }
}
