/**
 * The part of the WebAssembly and streams interfaces that the engine uses, found at run time: they are no part of the
 * language, and some JavaScript engines do without them.
 * @module
 */

/** A compiled module. It can be posted to workers. */
export interface WasmModule {
  readonly [Symbol.toStringTag]: string;
}

interface Platform {
  readonly WebAssembly?: {
    compile(bytes: Uint8Array): Promise<WasmModule>;
    validate(bytes: Uint8Array): boolean;
    readonly Module: new (bytes: Uint8Array) => WasmModule;
    readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: unknown };
  };
  readonly DecompressionStream?: new (
    format: "gzip",
  ) => {
    readonly writable: { getWriter(): { write(chunk: Uint8Array): Promise<void>; close(): Promise<void> } };
    readonly readable: { getReader(): { read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array }> } };
  };
  readonly atob?: (text: string) => string;
}

const platform = globalThis as unknown as Platform;

/** Compiles, or throws where there is no WebAssembly or it lacks an instruction. */
export async function compile(bytes: Uint8Array): Promise<WasmModule> {
  if (!platform.WebAssembly) throw new TypeError("this JavaScript engine has no WebAssembly");
  return platform.WebAssembly.compile(bytes);
}

/** As `compile`, at once. Browsers allow it on their main thread for modules far larger than these. */
export function compileNow(bytes: Uint8Array): WasmModule {
  if (!platform.WebAssembly) throw new TypeError("this JavaScript engine has no WebAssembly");
  return new platform.WebAssembly.Module(bytes);
}

/** @typeParam E - what the module exports; it imports nothing */
export function instantiate<E>(module: WasmModule): E {
  if (!platform.WebAssembly) throw new TypeError("this JavaScript engine has no WebAssembly");
  return new platform.WebAssembly.Instance(module, {}).exports as E;
}

export function fromBase64(text: string): Uint8Array {
  if (!platform.atob) throw new TypeError("cannot read base64 here");
  return Uint8Array.from(platform.atob(text), (character) => character.charCodeAt(0));
}

/** Base64 of gzip, as the build embeds modules. `Response` would be shorter, and costs Node 10 MB: it loads an HTTP client. */
export async function unpack(text: string): Promise<Uint8Array> {
  const { DecompressionStream } = platform;
  if (!DecompressionStream) throw new TypeError("cannot decompress here");
  const packed = fromBase64(text);
  const { writable, readable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  const written = writer.write(packed).then(() => writer.close());
  written.catch(() => {}); // reading fails of the same cause, and is waited for first
  const reader = readable.getReader();
  const chunks: Uint8Array[] = [];
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (next.value) chunks.push(next.value);
  }
  await written;
  const unpacked = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    unpacked.set(chunk, at);
    at += chunk.length;
  }
  return unpacked;
}
