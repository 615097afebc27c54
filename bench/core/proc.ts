/**
 * What Linux says about a process: memory and processor time. Elsewhere the figures are missing, and so are their rows.
 * @module
 */
import { existsSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;
const KIB_PER_MIB = 1024;

export const hasProc = (): boolean => existsSync("/proc/self/smaps_rollup");

export interface Memory {
  /** Pages in memory, those shared with other processes included: what `ps` and cgroup limits by process show. */
  readonly rssMib: number;
  /** The same with shared pages divided by their users: what the machine loses by this process. */
  readonly pssMib: number;
}

export function memoryOf(pid: number): Memory {
  const field = (file: string, name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/${file}`, "utf8"))?.[1]);
  return { rssMib: field("status", "VmRSS") / KIB_PER_MIB, pssMib: field("smaps_rollup", "Pss") / KIB_PER_MIB };
}

/** Processor time of all its threads so far; it does not grow while others have the processor. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
