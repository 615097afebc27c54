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
    readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: unknown };
  };
  readonly Blob?: new (parts: readonly Uint8Array[]) => { stream(): { pipeThrough(through: object): object } };
  readonly DecompressionStream?: new (format: "gzip") => object;
  readonly Response?: new (body: object) => { arrayBuffer(): Promise<ArrayBuffer> };
  readonly atob?: (text: string) => string;
}

const platform = globalThis as unknown as Platform;

/** Compiles, or throws where there is no WebAssembly or it lacks an instruction. */
export async function compile(bytes: Uint8Array): Promise<WasmModule> {
  if (!platform.WebAssembly) throw new TypeError("this JavaScript engine has no WebAssembly");
  return platform.WebAssembly.compile(bytes);
}

/** @typeParam E - what the module exports; it imports nothing */
export function instantiate<E>(module: WasmModule): E {
  if (!platform.WebAssembly) throw new TypeError("this JavaScript engine has no WebAssembly");
  return new platform.WebAssembly.Instance(module, {}).exports as E;
}

/** Base64 of gzip, as the build embeds modules. */
export async function unpack(text: string): Promise<Uint8Array> {
  const { atob, Blob, DecompressionStream, Response } = platform;
  if (!atob || !Blob || !DecompressionStream || !Response) throw new TypeError("cannot decompress here");
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
