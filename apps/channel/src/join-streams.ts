/**
 * Two streams as one: what comes out of either goes into the other, at the pace of the slower one, each direction ending by itself.
 * @module
 */
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";

/**
 * Resolves when both directions have ended.
 * @throws what either stream fails with; both are destroyed then
 */
export async function joinStreams(a: Duplex, b: Duplex): Promise<void> {
  try {
    await Promise.all([pipeline(a, b), pipeline(b, a)]);
  } catch (error) {
    a.destroy();
    b.destroy();
    throw error;
  }
}
