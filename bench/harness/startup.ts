/**
 * What our services are started with, for servers that a benchmark starts by itself.
 * @module
 */
export interface Startup {
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The launcher is JavaScript, for what cannot read TypeScript. */
const { startupOf } = (await import("@milagro/runtime/launch" as string)) as {
  startupOf(kind: { readonly service: true; readonly streaming?: boolean }): Startup;
};

export const serviceStartup: Startup = startupOf({ service: true });
/** Of services through which bodies stream. */
export const streamingStartup: Startup = startupOf({ service: true, streaming: true });
