// HTTP/1.1: `http.createServer` takes channels for sockets, and an agent makes them.
import http from "node:http";
import { attach, channelAgent, createServer } from "@milagro/channel";

export function serve(self, allow) {
  const server = createServer({ self, allow });
  attach(server, {
    http: http.createServer((request, response) => response.end(`hello ${request.socket.peerIdentity}`)),
  });
  return server;
}

export function call(self, to, address) {
  const agent = channelAgent({ self, to, ...address });
  return new Promise((resolve, reject) => {
    const request = http.get({ host: "service", path: "/", agent }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      agent.destroy();
      resolve(text);
    });
    request.on("error", reject);
  });
}
