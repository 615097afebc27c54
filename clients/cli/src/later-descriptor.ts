/**
 * Newer descriptors: commands that use the network ask the D-KMS for one now and then, believe what is proved, and go on with
 * what is pinned when something else is offered.
 * @module
 */
import type { KnownDomain } from "@milagro/client/known-domain";
import { findLaterDescriptor, isRefusedDescriptor } from "@milagro/client/later-descriptor";
import type { Engine } from "@milagro/engine";
import type { MilagroError } from "@milagro/engine/error";
import { systemClock } from "@milagro/runtime/clock";
import type { HttpPort } from "@milagro/runtime/http-port";
import { systemRandom } from "@milagro/runtime/random";
import type { Context } from "./command.ts";
import { lastLookMs, noteLook, writeKnownDomain } from "./profile.ts";

const LOOK_EVERY_MS = 3_600_000;
/** The command has something else to do. */
const TIMEOUT_MS = 3000;

export interface LaterSight {
  readonly known: KnownDomain;
  /** Why the descriptor that was offered is not in use. */
  readonly refused?: MilagroError;
}

/** @param when - `due`: once an hour for each domain; `now`: in any case */
export async function lookForLater(
  context: Pick<Context, "settings">,
  engine: Engine,
  http: HttpPort,
  known: KnownDomain,
  when: "due" | "now",
): Promise<LaterSight> {
  const { home, kms } = context.settings;
  const { name } = known.genesis.descriptor;
  if (when === "due" && systemClock() - (await lastLookMs(home, name)) < LOOK_EVERY_MS) return { known };
  try {
    const look = { engine, random: systemRandom, http, kmsUrl: kms, timeoutMs: TIMEOUT_MS };
    const later = await findLaterDescriptor(look, known);
    if (later) await writeKnownDomain(home, later.known);
    else await noteLook(home, name);
    return { known: later?.known ?? known };
  } catch (error) {
    // A D-KMS that is away or not well is told by the command that needs it.
    return isRefusedDescriptor(error) ? { known, refused: error } : { known };
  }
}
