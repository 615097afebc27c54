// WebSocket by `ws`, on both ends the library as it is.
import http from "node:http";
import { attach, channelAgent, createServer } from "@milagro/channel";
import { WebSocket, WebSocketServer } from "ws";

export function serve(self, allow) {
  const web = http.createServer();
  new WebSocketServer({ server: web }).on("connection", (socket, request) => {
    socket.on("message", (text) => socket.send(`${text} ${request.socket.peerIdentity}`));
  });
  const server = createServer({ self, allow });
  attach(server, { http: web });
  return server;
}

export function call(self, to, address) {
  const agent = channelAgent({ self, to, ...address });
  return new Promise((resolve, reject) => {
    const socket = new WebSocket("ws://service/", { agent });
    socket.on("open", () => socket.send("hello"));
    socket.on("message", (text) => {
      resolve(String(text));
      socket.close();
    });
    socket.on("error", reject);
  });
}
