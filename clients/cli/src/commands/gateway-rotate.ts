/**
 * `milagro gateway rotate` and `rotations`.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { CommandSpec } from "../command.ts";
import { GATEWAY_KEYS, runGateway } from "./gateway-serve.ts";

export const gatewayRotate: CommandSpec = {
  name: "rotate",
  summary: "bring what is stored to the keys of the present epoch",
  details:
    "Level kek seals the key-encryption keys anew: one record for each policy and epoch, whatever the number of objects. Level dek wraps every\nobject's key anew: its metadata only. Level body encrypts every object anew. Stopped, it goes on with --resume; what is right already\nis skipped. Prints one JSON line for each step.",
  options: [
    ...GATEWAY_KEYS,
    { flags: "--level <level>", text: "how deep", choices: ["kek", "dek", "body"] },
    { flags: "--bucket <name>", text: "the bucket" },
    { flags: "--prefix <prefix>", text: "only objects whose names at the store begin like this" },
    { flags: "--resume <id>", text: "go on with a rotation" },
  ],
  examples: [
    {
      text: "After somebody has left: readers need keys of the present epoch",
      line: "milagro gateway rotate --home gw --id milagro:acme/gateway/g1 --level kek --bucket records",
    },
  ],
  serviceHome: true,
  run(context, invocation) {
    const names = ["level", "bucket", "prefix", "resume"];
    const given = names.flatMap((name) => {
      const value = invocation.text(name);
      return value === undefined ? [] : [`--${name}`, value];
    });
    if (invocation.text("resume") === undefined && (!invocation.text("level") || !invocation.text("bucket")))
      throw new MilagroError("ERR_USAGE", "--level and --bucket are needed, or --resume");
    return runGateway(context, invocation, "rotate", given);
  },
};

export const gatewayRotations: CommandSpec = {
  name: "rotations",
  summary: "show rotations and how far they are",
  options: GATEWAY_KEYS,
  examples: [
    { text: "All of them, as JSON", line: "milagro gateway rotations --home gw --id milagro:acme/gateway/g1" },
  ],
  serviceHome: true,
  run: (context, invocation) => runGateway(context, invocation, "rotations", []),
};
