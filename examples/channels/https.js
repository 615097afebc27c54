// Programs written for HTTPS: `https.createServer` without a certificate, `https.get` without an authority to check one.
import https from "node:https";
import { attach, channelAgent, createServer } from "@milagro/channel";

export function serve(self, allow) {
  const server = createServer({ self, allow });
  attach(server, {
    http: https.createServer((request, response) => response.end(`hello ${request.socket.peerIdentity}`)),
  });
  return server;
}

export function call(self, to, address) {
  const agent = channelAgent({ self, to, ...address });
  return new Promise((resolve, reject) => {
    const request = https.get("https://service/", { agent }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      agent.destroy();
      resolve(text);
    });
    request.on("error", reject);
  });
}
