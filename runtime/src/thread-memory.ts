/**
 * How little memory a thread of a service can do with.
 *
 * Loading a service's modules leaves 10 to 15 MB of garbage a thread (source texts, syntax trees), which V8 would keep until its
 * old generation next fills up: for an idle service, never. One collection, before anybody waits for an answer, gives it back.
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

/**
 * For a worker's `resourceLimits`, in MB. V8's default is 48 a thread; big integers and messages are garbage at once, and a small
 * nursery saves some 20 MB. The old generation gets no limit of ours: reaching it would end the thread.
 */
export const YOUNG_GENERATION_MB = 8;
