/**
 * The time in which a channel has to be set up. Bytes that do not come and answers that the application does not give end with it alike: a place, and a peer's time,
 * must not hang on somebody's promise. What is computed here is waited for (docs/adr/0077): it ends by itself.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";

export interface TimeLimit {
  /** Aborts with `ERR_TIMEOUT`, or as the caller's own signal does. */
  readonly signal: AbortSignal;
  /** To be called in the end: nothing aborts after it. */
  lift(): void;
}

/** @param stop - ends it earlier, with its own reason */
export function startTimeLimit(ms: number, stop?: AbortSignal): TimeLimit {
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new MilagroError("ERR_TIMEOUT", "the channel was not set up in time")),
    ms,
  );
  const onStop = (): void => controller.abort(stop?.reason);
  if (stop?.aborted) onStop();
  stop?.addEventListener("abort", onStop, { once: true });
  return {
    signal: controller.signal,
    lift() {
      clearTimeout(timer);
      stop?.removeEventListener("abort", onStop);
    },
  };
}

/**
 * The application's answer, or a rejection with the limit's reason. An answer that comes later is ignored, whatever it is; so is one that nobody waits for any more.
 */
export function inTime<T>(limit: AbortSignal, answer: T | Promise<T>): T | Promise<T> {
  if (!(answer instanceof Promise)) return answer;
  const answered = new Promise<T>((resolve, reject) => {
    const onLimit = (): void => reject(limit.reason);
    if (limit.aborted) onLimit();
    limit.addEventListener("abort", onLimit, { once: true });
    void answer.then(resolve, reject).finally(() => limit.removeEventListener("abort", onLimit));
  });
  answered.catch(() => {});
  return answered;
}
