/**
 * Topics and client ids, as both ends of the bus understand them.
 * @module
 */
import { createHash } from "node:crypto";

/** The prefix that a subject's client ids must have, so that nobody can throw another subject out by taking its client id. */
export function clientIdPrefix(subject: string): string {
  return createHash("sha256").update(subject).digest("base64url").slice(0, 16);
}

/** MQTT 3.1.1 §4.7: `+` is one level, a final `#` any number; neither matches topics that begin with `$`. */
export function topicMatches(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && !filter.startsWith("$")) return false;
  const wanted = filter.split("/");
  const levels = topic.split("/");
  for (const [index, part] of wanted.entries()) {
    if (part === "#") return true;
    if (levels[index] === undefined || (part !== "+" && part !== levels[index])) return false;
  }
  return wanted.length === levels.length;
}
