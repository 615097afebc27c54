// MQTT: a broker (aedes) that knows each client by its identity, and the client of `mqtt` as it is.
import { connectLazily, createServer } from "@milagro/channel";
import { Aedes } from "aedes";
import { MqttClient } from "mqtt";

export async function serve(self, allow) {
  const broker = await Aedes.createBroker();
  // Each may publish below its own name only.
  broker.authorizePublish = (client, packet, done) =>
    done(packet.topic.startsWith(`from/${client.conn.peerIdentity}/`) ? null : new Error("not your topic"));
  const server = createServer({ self, allow }, (channel) => broker.handle(channel));
  server.once("close", () => broker.close());
  return server;
}

export function call(self, to, address) {
  const own = self.own().credential.identity;
  const client = new MqttClient(() => connectLazily({ self, to, ...address }), {
    reconnectPeriod: 0,
    protocolVersion: 4,
  });
  return new Promise((resolve, reject) => {
    client.on("error", reject);
    client.on("message", (topic, payload) => {
      resolve(`${payload} ${topic.slice("from/".length, topic.lastIndexOf("/"))}`);
      client.end();
    });
    client.on("connect", () =>
      client.subscribe(`from/${own}/#`, () => client.publish(`from/${own}/greeting`, "hello")),
    );
  });
}
