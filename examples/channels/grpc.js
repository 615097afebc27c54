// gRPC by `@grpc/grpc-js`: the server takes channels by its connection injector, the client makes them by credentials of its own.
import {
  ChannelCredentials,
  credentials,
  Metadata,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { connect, createServer } from "@milagro/channel";

const text = { serialize: (value) => Buffer.from(value), deserialize: (bytes) => bytes.toString() };
const Hello = {
  say: {
    path: "/example.Hello/Say",
    requestStream: false,
    responseStream: false,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  },
};

export function serve(self, allow) {
  const grpc = new Server();
  // Who may call is decided by the channel server's `allow`: gRPC itself is told no name.
  grpc.addService(Hello, { say: (rpc, done) => done(null, `${rpc.request} yourself`) });
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure()); // TLS is in the channel
  const server = createServer({ self, allow, ALPNProtocols: ["h2"] }, (channel) => injector.injectConnection(channel));
  server.once("close", () => grpc.forceShutdown());
  return server;
}

/** Turns each connection of a gRPC client into a channel. */
class ChannelIdentityCredentials extends ChannelCredentials {
  #options;
  constructor(options) {
    super();
    this.#options = options;
  }
  _isSecure() {
    return true;
  }
  _equals(other) {
    return other === this;
  }
  _createSecureConnector(_target, _options, callCredentials) {
    return {
      connect: async (socket) => ({ socket: await this.#dial(socket), secure: true }),
      waitForReady: async () => {},
      getCallCredentials: () => callCredentials ?? credentials.createEmpty(),
      destroy() {},
    };
  }
  async #dial(socket) {
    const { remoteAddress: host, remotePort: port } = socket;
    try {
      return await connect({ ...this.#options, socket });
    } catch (error) {
      // gRPC brings one connection, and a ticket that the server no longer takes (it was restarted) has used it up.
      if (error.code !== "ERR_CHANNEL_TICKET") throw error;
      return connect({ ...this.#options, host, port });
    }
  }
}

export function call(self, to, { host, port, tickets }) {
  const Client = makeGenericClientConstructor(Hello, "Hello");
  const client = new Client(
    `${host}:${port}`,
    new ChannelIdentityCredentials({ self, to, tickets, ALPNProtocols: ["h2"] }),
  );
  return new Promise((resolve, reject) => {
    client.say("hello", new Metadata(), (error, answer) => {
      client.close();
      if (error) reject(error);
      else resolve(answer);
    });
  });
}
