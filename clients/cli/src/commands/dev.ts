/**
 * `milagro dev`: a whole trust domain on this machine, and the main job done on it.
 * @module
 */
import { relative, resolve } from "node:path";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import { makePrivateFolder } from "@milagro/runtime/atomic-file";
import { systemRandom } from "@milagro/runtime/random";
import type { CommandSpec, Context } from "../command.ts";
import { devState, putSecret, rotateLive, showWhoSawWhat, startEndpoint, useSecret } from "../dev/delivery-steps.ts";
import { claimHome, type DevHome, type DevState, devHome, removeHome } from "../dev/dev-home.ts";
import { busUrl, enrolAlice, foundDomain, kmsUrl, startAuthorities, startKms } from "../dev/founding-steps.ts";
import { startGateway } from "../dev/gateway-steps.ts";
import { type Job, SECRET_PATH } from "../dev/job.ts";
import { logInBob, loginOrigin, startLogin } from "../dev/login-steps.ts";
import { createParties } from "../dev/parties.ts";
import { createTimeline, type Timeline } from "../dev/timeline.ts";
import { readText } from "../value.ts";

export const dev: CommandSpec = {
  name: "dev",
  summary: "start a whole domain on this machine and deliver a secret through it",
  details:
    "Three D-TAs, the D-KMS with its bus and an endpoint daemon, as separate processes on loopback; then the main job, step by step, each by\nthe command it names. Stays up until Ctrl-C. A second run goes on with the same domain.",
  options: [
    { flags: "--home <folder>", text: "where everything is kept (default: .milagro/dev)" },
    { flags: "--exit", text: "end after the main job; status 0 when all of it went right" },
    { flags: "--fresh", text: "forget an earlier run and begin again" },
    { flags: "--value <value>", text: "the secret to deliver: @file, or - for stdin (default: random)" },
  ],
  examples: [
    { text: "See it, and play with it afterwards", line: "milagro dev" },
    { text: "As a check", line: "milagro dev --exit --fresh" },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const { io, signal, settings } = context;
    const home = devHome(resolve(io.cwd, invocation.text("home") ?? ".milagro/dev"));
    const json = settings.format === "json";
    const timeline = createTimeline(io, json);
    const given = invocation.text("value");
    if (given !== undefined && given !== "-" && !given.startsWith("@"))
      throw new MilagroError("ERR_USAGE", "--value is @file or -: never the secret itself");
    const value = given === undefined ? encodeBase64url(systemRandom(32)) : (await readText(io, given)).trim();
    await claimHome(home);
    if (invocation.flag("fresh") || home.read()?.founded === false) await removeHome(home);
    await makePrivateFolder(home.folder);
    const state = await devState(home);
    await home.write(state);
    const parties = createParties(home, timeline, signal);
    try {
      timeline.plain(
        `${timeline.style.bold("Milagro")}  a trust domain on this machine, in ${near(context, home.folder)}${state.founded ? "  (going on from last time)" : ""}`,
      );
      const gateway = await mainJob({ context, home, timeline, parties }, state, value);
      const seconds = timeline.elapsed();
      timeline.plain(`\n${timeline.style.green("All of it worked")}, in ${seconds.toFixed(1)} s.`);
      if (json) io.stdout.write(`${JSON.stringify({ ok: true, seconds, timeline: timeline.record }, null, 2)}\n`);
      if (!invocation.flag("exit")) await stayUp(context, home, state, timeline, gateway);
      return 0;
    } catch (error) {
      if (!signal.aborted) throw error;
      timeline.plain("\nStopped.");
      return 130;
    } finally {
      await parties.stop();
      await home.write({ ...(home.read() ?? state), services: [] });
    }
  },
};

/** @returns the gateway's address */
async function mainJob(parts: Job, state: DevState, value: string): Promise<string> {
  const { home, parties } = parts;
  const remember = (founded: boolean) => home.write({ ...state, founded, services: [...parties.pids] });
  await startAuthorities(parts, state);
  await remember(state.founded);
  if (!state.founded) await foundDomain(parts, state);
  await startKms(parts, state);
  await remember(state.founded);
  await enrolAlice(parts, state);
  const first = await putSecret(parts, state, value);
  await startEndpoint(parts, state, first);
  await remember(true);
  await useSecret(parts, value);
  const second = await rotateLive(parts);
  const isNew = await startLogin(parts, state);
  await remember(true);
  if (isNew) await logInBob(parts, state);
  const gateway = await startGateway(parts);
  await remember(true);
  await showWhoSawWhat(parts, [value, second]);
  return gateway;
}

async function stayUp(
  context: Context,
  home: DevHome,
  state: DevState,
  timeline: Timeline,
  gateway: string,
): Promise<void> {
  const { style } = timeline;
  const profile = near(context, home.path("alice"));
  const socket = near(context, home.path("endpoint", "endpoint.sock"));
  const lines = [
    "",
    style.bold("Running"),
    ...state.ports.dtas.map(
      (port, i) => `  D-TA ${i + 1}   http://127.0.0.1:${port}   …/v1/dta  …/v1/log  …/openapi.json`,
    ),
    `  D-KMS    ${kmsUrl(state)}   on this machine also http:  …/openapi.json  …/metrics`,
    `  bus      ${busUrl(state)}`,
    `  login    ${style.bold(loginOrigin(state))}   register, log in, and see what each authority saw`,
    `  gateway  ${gateway}   S3; access key in ${near(context, home.path("gateway", "client.json"))}`,
    `  logs     ${near(context, home.path("logs"))}`,
    "",
    style.bold("Try next, in another terminal"),
    `  npx milagro status --home ${profile}`,
    `  npx milagro secret rotate ${SECRET_PATH} --home ${profile}`,
    `  npx milagro run --socket ${socket} --env KEY=${SECRET_PATH} -- sh -c 'echo "the key has \${#KEY} characters"'`,
    "",
    style.dim("Ctrl-C ends all of it; npm start goes on from here."),
  ];
  for (const line of lines) timeline.plain(line);
  const { signal } = context;
  // Something must hold the process while the services run: it watches their ends.
  const hold = setInterval(() => {}, 60_000);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  clearInterval(hold);
  timeline.plain("\nStopping …");
}

function near(context: Context, path: string): string {
  const text = relative(context.io.cwd, path);
  return text.startsWith("..") || text === "" ? path : text;
}
