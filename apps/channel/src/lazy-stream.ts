/**
 * A stream that stands for another one which is yet to come.
 * @module
 */
import { Duplex } from "node:stream";

type Done = (error?: Error | null) => void;

/** Backpressure and both ends pass through in both directions. */
class LazyStream extends Duplex {
  readonly #coming: Promise<Duplex>;
  #inner: Duplex | undefined;

  constructor(coming: Promise<Duplex>) {
    super({ allowHalfOpen: true });
    this.#coming = coming;
  }

  override _construct(done: Done): void {
    this.#coming.then(
      (inner) => {
        if (this.destroyed) inner.destroy();
        this.#inner = inner;
        inner.on("data", (chunk) => {
          if (!this.push(chunk)) inner.pause();
        });
        inner.on("end", () => this.push(null));
        inner.on("error", (error) => this.destroy(error));
        inner.on("close", () => this.destroy());
        this.emit("connect");
        done();
      },
      (error: Error) => done(error),
    );
  }

  override _read(): void {
    this.#inner?.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: Done): void {
    this.#inner?.write(chunk, encoding, done);
  }

  override _final(done: Done): void {
    this.#inner?.end(() => done());
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#inner?.destroy();
    done(error);
  }
}

export function createLazyStream(coming: Promise<Duplex>): Duplex {
  return new LazyStream(coming);
}
