/**
 * The next chunk is made while this one is being used.
 * @module
 */

/**
 * Hands on what comes, one ahead: a chunk of `source` must be good until the one after the next is asked for; a chunk from here is good until the next one is.
 * When whoever takes them stops early, the source ends after the chunk that it is at, and is not waited for.
 */
export async function* ahead<T>(source: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  const start = (): Promise<IteratorResult<T, void>> => {
    const next = source.next();
    next.catch(() => {}); // it is waited for in its turn, if that comes
    return next;
  };
  try {
    let current = await start();
    while (!current.done) {
      const next = start();
      yield current.value;
      current = await next;
    }
  } finally {
    source.return().catch(() => {});
  }
}
