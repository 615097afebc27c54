/** For `expect.poll` and `vi.waitFor` on other processes: they end by evidence, and give up far beyond what a slow machine needs. */
export const PATIENT = { timeout: 120_000, interval: 100 } as const;
