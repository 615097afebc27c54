// Loaded into a process before its program: then WebAssembly compiles nothing, in its threads neither, as on a JavaScript
// engine that has none. Node's own, compiled synchronously, goes on.
globalThis.WebAssembly.compile = async () => {
  throw new Error("switched off");
};
