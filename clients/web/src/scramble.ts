/**
 * A random order of the ten digits, for people who fear being watched. Opt-in: moving digits shut out who cannot see them,
 * and who remembers a PIN by its pattern.
 * @module
 */

/** Digits in the order in which they are laid out: rows of three, then the last one in the middle. */
export const PLAIN_ORDER: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0];

/** Fisher–Yates with rejection: each of the 10! orders is equally likely. @param random - secure bytes */
export function scrambledOrder(random: (length: number) => Uint8Array): number[] {
  const order = [...PLAIN_ORDER];
  for (let last = order.length - 1; last > 0; last--) {
    const other = below(last + 1, random);
    const digit = order[last] as number;
    order[last] = order[other] as number;
    order[other] = digit;
  }
  return order;
}

function below(limit: number, random: (length: number) => Uint8Array): number {
  const fair = 256 - (256 % limit);
  for (;;) {
    const byte = random(1)[0] as number;
    if (byte < fair) return byte % limit;
  }
}
