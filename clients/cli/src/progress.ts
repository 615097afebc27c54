/**
 * Progress on stderr, for anything that lasts longer than a second: a moving line on a terminal, one plain line elsewhere.
 * @module
 */
import type { Io } from "./io.ts";
import { styleFor } from "./style.ts";

const QUIET_MS = 1000;
const FRAME_MS = 120;
const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const;
const ERASE_LINE = "\r\u001b[2K";

/** Runs `work`; says `label` when it takes longer than a second. A function is asked again for each frame. */
export async function withProgress<T>(io: Io, label: string | (() => string), work: Promise<T>): Promise<T> {
  const started = performance.now();
  const style = styleFor(io, "stderr");
  const said = typeof label === "function" ? label : () => label;
  let frames: ReturnType<typeof setInterval> | undefined;
  const draw = (): void => {
    const seconds = (performance.now() - started) / 1000;
    const frame = FRAMES[Math.floor(seconds * (1000 / FRAME_MS)) % FRAMES.length];
    io.stderr.write(`${ERASE_LINE}${style.cyan(frame ?? "")} ${said()} ${style.dim(`${seconds.toFixed(0)} s`)}`);
  };
  const quiet = setTimeout(() => {
    if (io.isTty.stderr) frames = setInterval(draw, FRAME_MS);
    else io.stderr.write(`${said()} …\n`);
  }, QUIET_MS);
  try {
    return await work;
  } finally {
    clearTimeout(quiet);
    clearInterval(frames);
    if (frames !== undefined) io.stderr.write(ERASE_LINE);
  }
}
