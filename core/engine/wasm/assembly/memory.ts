/**
 * Linear memory: a stack of frames for temporaries, low in memory and always the same few cache lines; above it, from
 * `__heap_base` on, the caller's arena, which the host fills before a call and reads after it.
 *
 * Frames hold secrets while an operation runs, so `wipe` clears the whole stack after a secret operation.
 */

const STACK_BYTES: usize = 128 * 1024;
const stack: usize = memory.data(131072, 16);
let top: usize = stack;
/** The highest address that a frame has reached since the last wipe. */
let reached: usize = stack;

export function enterFrame(bytes: usize): usize {
  const frame = top;
  top = frame + ((bytes + 15) & ~15);
  if (top > stack + STACK_BYTES) unreachable();
  if (top > reached) reached = top;
  return frame;
}

export function leaveFrame(frame: usize): void {
  top = frame;
}

/** Overwrites every temporary of earlier operations. */
export function wipe(): void {
  memory.fill(stack, 0, reached - stack);
  top = stack;
  reached = stack;
}

/** Where the caller's arena begins. */
export function arena(): usize {
  return (__heap_base + 15) & ~15;
}
