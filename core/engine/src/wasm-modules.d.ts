/** What `npm run build:wasm` generates; the declaration stands in where it has not been built. */
declare module "@milagro/engine/wasm/*" {
  export const wasm: string;
}
