/**
 * Starting the processes of the demonstration, and noticing when one ends.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { makePrivateFolder } from "@milagro/runtime/atomic-file";
import { type RunningService, type ServiceName, startService } from "../service-process.ts";
import type { DevHome } from "./dev-home.ts";
import type { Timeline } from "./timeline.ts";

export interface Parties {
  start(service: ServiceName, name: string, args: readonly string[]): Promise<RunningService>;
  readonly pids: readonly number[];
  /** Stops them in the reverse order of their start. */
  stop(): Promise<void>;
}

export function createParties(home: DevHome, timeline: Timeline, signal: AbortSignal): Parties {
  const running: RunningService[] = [];
  let stopping = false;
  return {
    async start(service, name, args) {
      await makePrivateFolder(home.path("logs"));
      const logFile = home.path("logs", `${name}.log`);
      const started = await startService(service, args, {
        name,
        logFile,
        signal,
        env: { NODE_COMPILE_CACHE: home.path("cache") },
      });
      running.push(started);
      void started.ended.then(
        (status) => {
          if (!stopping) timeline.warn(`${name} has ended with status ${status}; its log is ${logFile}`);
        },
        (error: unknown) =>
          timeline.warn(`${name} failed: ${error instanceof MilagroError ? error.message : "it cannot be run"}`),
      );
      return started;
    },
    get pids() {
      return running.map(({ pid }) => pid);
    },
    async stop() {
      stopping = true;
      const [authorities, others] = [
        running.filter(({ name }) => name.startsWith("dta")),
        running.filter(({ name }) => !name.startsWith("dta")),
      ];
      for (const service of others.toReversed()) await service.stop();
      await Promise.all(authorities.map((service) => service.stop()));
    },
  };
}
