/**
 * How bytes get to an address when plain TCP must not carry them: a port, so that HTTP and the bus know nothing of what protects them.
 * @module
 */
import type { Socket } from "node:net";

/**
 * The way to this address, or undefined when it is not one of ours: then whoever asked uses TCP or TLS as the scheme says.
 * Never asked for a stream that it cannot protect: it throws then, and nothing falls back to plain.
 */
export type Connector = (url: URL) => Way | undefined;

export interface Way {
  /** Connections with the same key may be used for each other's requests. */
  readonly key: string;
  /**
   * A stream whose other end is who it should be.
   * @throws `ERR_UNREACHABLE`, `ERR_TIMEOUT`, `ERR_CHANNEL_…`
   */
  open(): Promise<Socket>;
}

/** The scheme of addresses that are reached over a channel, and not otherwise. */
export const CHANNEL_SCHEME = "milagro:";
