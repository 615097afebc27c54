/**
 * Giving back what loading leaves behind, in each thread of a service. How little memory a thread needs otherwise is said in
 * one place for all threads: `launch.js`.
 *
 * Loading a service's modules leaves garbage (source texts, syntax trees): 2 to 5 MB a process from a bundle, 10 to 15 a thread
 * from sources. V8 would keep it until its old generation next fills up: for an idle service, never. One collection, before
 * anybody waits for an answer, gives it back.
 * @module
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** A whole collection of this thread's heap: 30 to 100 ms. Call it when everything is loaded and nothing is served yet. */
export function releaseStartupMemory(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as ((options: object) => void) | undefined;
  setFlagsFromString("--no-expose-gc");
  collect?.({ type: "major", execution: "sync", flavor: "last-resort" });
}
