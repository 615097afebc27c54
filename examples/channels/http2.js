// HTTP/2, chosen by ALPN; HTTP/1.1 on the same port for clients that do not speak it.
import http from "node:http";
import http2 from "node:http2";
import { attach, connect, createServer } from "@milagro/channel";

export function serve(self, allow) {
  const answer = (request, response) => response.end(`hello ${request.socket.peerIdentity}`);
  const modern = http2.createServer();
  modern.on("stream", (stream) => {
    stream.respond({ ":status": 200 });
    stream.end(`hello ${stream.session.socket.peerIdentity}`);
  });
  const server = createServer({ self, allow, ALPNProtocols: ["h2", "http/1.1"] });
  attach(server, { http2: modern, http: http.createServer(answer) });
  return server;
}

export async function call(self, to, address) {
  const channel = await connect({ self, to, ...address, ALPNProtocols: ["h2"] });
  const session = http2.connect("http://service", { createConnection: () => channel });
  const stream = session.request({ ":path": "/" });
  let text = "";
  for await (const chunk of stream) text += chunk;
  session.close();
  return text;
}
