/**
 * `milagro endpoint run|status`: the daemon that hands secrets to local programs.
 * @module
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { encodeEndpointStatus } from "@milagro/endpoint/status";
import { MilagroError } from "@milagro/engine/error";
import type { CommandGroup, CommandSpec } from "../command.ts";
import { endpointStatus } from "../endpoint-socket.ts";
import { PASSPHRASE_OPTION, SOCKET_OPTION } from "../options.ts";
import { passphraseFor } from "../service-passphrase.ts";
import { runService } from "../service-process.ts";

const HOME = { flags: "--home <folder>", text: "folder of the endpoint (or MILAGRO_ENDPOINT_HOME)" } as const;

const endpointRun: CommandSpec = {
  name: "run",
  summary: "run the endpoint daemon until Ctrl-C",
  details:
    "Enrols by itself when it has no keys, renews them, receives secrets and hands them out as its config.json says: socket, files in\nmemory, templates. Goes on serving what it has while D-TAs and D-KMS are away. See docs/operate/endpoint.md.",
  options: [
    HOME,
    PASSPHRASE_OPTION,
    { flags: "--evidence-file <file>", text: "evidence for the first enrolment, one piece a line" },
  ],
  examples: [{ text: "With everything in its folder", line: "milagro endpoint run --home /var/lib/milagro-endpoint" }],
  serviceHome: true,
  async run(context, invocation) {
    const home = invocation.text("home") ?? (context.io.env["MILAGRO_ENDPOINT_HOME"] || undefined);
    if (home === undefined) throw new MilagroError("ERR_USAGE", "--home is needed: the folder of the endpoint");
    const folder = resolve(context.io.cwd, home);
    if (!existsSync(join(folder, "config.json")) && !context.io.env["MILAGRO_ENDPOINT_IDENTITY"])
      throw new MilagroError(
        "ERR_CONFIG_MISSING",
        `${folder} has no config.json: {"identity": "milagro:<domain>/endpoint/<name>", "authors": […]} is the least; see docs/operate/endpoint.md`,
      );
    const args = ["run", "--home", folder];
    const evidence = invocation.text("evidenceFile");
    if (evidence !== undefined) args.push("--evidence-file", resolve(context.io.cwd, evidence));
    const { args: more, passphrase } = await passphraseFor(context, {
      what: "the endpoint's keys",
      home: folder,
      keyStore: "identity.keys",
      variable: "MILAGRO_ENDPOINT_PASSPHRASE_FILE",
    });
    return runService("endpoint", [...args, ...more], context, passphrase);
  },
};

const endpointShow: CommandSpec = {
  name: "status",
  summary: "show how the endpoint daemon is",
  options: [HOME, SOCKET_OPTION],
  examples: [
    { text: "By its folder", line: "milagro endpoint status --home /var/lib/milagro-endpoint" },
    { text: "By its socket", line: "milagro endpoint status --socket /run/milagro/endpoint.sock" },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const home = invocation.text("home") ?? (context.io.env["MILAGRO_ENDPOINT_HOME"] || undefined);
    const socket =
      context.settings.socket ??
      (home === undefined ? undefined : join(resolve(context.io.cwd, home), "endpoint.sock"));
    if (socket === undefined) throw new MilagroError("ERR_USAGE", "--home or --socket is needed");
    const status = await endpointStatus(socket, context.signal);
    return {
      data: encodeEndpointStatus(status),
      view: {
        kind: "fields",
        fields: [
          ["identity", status.identity],
          ["domain", `${status.domain} ${status.domainId}, descriptor ${status.descriptor}`],
          ["state", status.state],
          ["epoch", String(status.epoch)],
          ["keys", status.keys.map(({ usage, epoch }) => `${usage} ${epoch}`).join(", ") || "none"],
          ["bus", status.bus],
          ["deliveries", `up to ${status.cursor}`],
          ...status.secrets.map(
            ({ path, version, author, state }) =>
              ["secret", `${path}, version ${version}, ${state}, by ${author}`] as const,
          ),
          ...status.files.map(
            ({ path, state, code }) => ["file", `${path}: ${state}${code === undefined ? "" : ` (${code})`}`] as const,
          ),
          ...status.refused.map(
            ({ path, version, code }) => ["refused", `${path}, version ${version}: ${code}`] as const,
          ),
          ...status.problems.map(({ part, code, message }) => ["problem", `${part}: ${message} (${code})`] as const),
        ],
      },
    };
  },
};

export const endpoint: CommandGroup = {
  name: "endpoint",
  summary: "the daemon that hands secrets to local programs",
  commands: [endpointRun, endpointShow],
};
