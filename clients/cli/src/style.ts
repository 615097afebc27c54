/**
 * Colour, only where a terminal shows it: https://no-color.org, `--no-color`, and `TERM=dumb` turn it off, `FORCE_COLOR` on.
 * @module
 */
import { styleText } from "node:util";
import type { Io } from "./io.ts";

type Format = Parameters<typeof styleText>[0];
export type Paint = (text: string) => string;

export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly green: Paint;
  readonly red: Paint;
  readonly yellow: Paint;
  readonly cyan: Paint;
}

/** @param stream - which of the two output streams will show the text */
export function styleFor(io: Io, stream: "stdout" | "stderr"): Style {
  const wanted = wantsColour(io, stream);
  const paint =
    (format: Format): Paint =>
    (text) =>
      wanted ? styleText(format, text, { validateStream: false }) : text;
  return {
    bold: paint("bold"),
    dim: paint("dim"),
    green: paint("green"),
    red: paint("red"),
    yellow: paint("yellow"),
    cyan: paint("cyan"),
  };
}

function wantsColour(io: Io, stream: "stdout" | "stderr"): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = io.env;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== "" && FORCE_COLOR !== "0") return true;
  return io.isTty[stream] && TERM !== "dumb";
}
