/**
 * Logins with a PIN: the login server starts, a device enrols at the three authorities, a wrong PIN is refused, the right one is not.
 * @module
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type LoginOutcome, login, type MpinClient, parsePin } from "@milagro/client/mpin";
import { activationEvidence, beginEnrolment, fetchLoginService } from "@milagro/client/mpin-enrol";
import { utf8 } from "@milagro/crypto/bytes";
import type { MpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import { writeFileAtomic } from "@milagro/runtime/atomic-file";
import { withHttp } from "../ports.ts";
import { engineOf } from "../session.ts";
import { waitFor } from "./delivery-steps.ts";
import type { DevState } from "./dev-home.ts";
import { joinTokens } from "./founding-steps.ts";
import { DOMAIN, each, type Job, milagro, near } from "./job.ts";
import { openPhone } from "./login-client.ts";

const SERVICE = "login";
const PEOPLE = `milagro:${DOMAIN}/mpin/${SERVICE}/*/*`;
const SERVER = `milagro:${DOMAIN}/mpin-server/${SERVICE}`;
/** Whoever reads this knows it: the point of the demonstration is what a wrong one does. */
const PIN = "7294";
const WRONG_PIN = "1379";

/** The folder that a D-TA of the demonstration mails its codes into. */
export const mailFolder = ({ home }: Pick<Job, "home">, index: number): string => home.path("mail", `dta-${index}`);
export const loginOrigin = ({ ports }: DevState): string => `http://localhost:${ports.login}`;

/** The pages that `@milagro/web` builds; undefined where they are not built. */
function pagesFolder(): string | undefined {
  try {
    const folder = fileURLToPath(new URL("dist/pages", import.meta.resolve("@milagro/web/package.json")));
    return existsSync(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Each operator allows logins by its own policy; then the server collects its secret, a third from each.
 * @returns whether it is new
 */
export async function startLogin(job: Job, state: DevState): Promise<boolean> {
  const { home, timeline, parties } = job;
  const folder = home.path(SERVICE);
  const isNew = !existsSync(home.path(SERVICE, "config.json"));
  timeline.chapter(
    isNew
      ? "The login server starts: people log in with a PIN, and it keeps no credential"
      : "The login server starts again",
  );
  const args = ["serve", "--home", folder, "--passphrase-file", await home.passphrase(SERVICE), "--demo"];
  if (isNew) args.push("--join-tokens", await setUp(job, state));
  const pages = pagesFolder();
  if (pages !== undefined) args.push("--pages", pages);
  for (const mail of await each(async (index) => mailFolder(job, index))) args.push("--demo-mail", mail);
  timeline.command(`milagro auth serve --home ${near(job, folder)} …`);
  const { pid } = await parties.start("auth", SERVICE, args);
  await waitFor(job, "the server secret", async () => (await fetch(`${loginOrigin(state)}/ready`)).ok);
  timeline.fact("login server", `${loginOrigin(state)}  process ${pid}`);
  if (pages === undefined) timeline.warn("its pages are not built: npm run build makes them");
  return isNew;
}

/** @returns the file with the server's join tokens */
async function setUp(job: Job, state: DevState): Promise<string> {
  const { home } = job;
  const initialised = await milagro(job, [
    "auth",
    "init",
    "--home",
    near(job, home.path(SERVICE)),
    "--service",
    SERVICE,
    "--descriptor",
    near(job, home.path("acme.json")),
    "--origin",
    loginOrigin(state),
    "--listen",
    `127.0.0.1:${state.ports.login}`,
    "--passphrase-file",
    await home.passphrase(SERVICE),
  ]);
  job.timeline.command(
    `milagro dta policy --home ${near(job, home.dta(1))} --allow '${PEOPLE}' --usages mpin,sig,permit --evidence email-code,device,join-token   (and 2, 3)`,
  );
  await each(async (index) => {
    const allow = async (pattern: string, usages: string, evidence: string) =>
      milagro(
        job,
        ["dta", "policy", "--home", home.dta(index), "--allow", pattern, "--usages", usages, "--evidence", evidence],
        {
          show: false,
        },
      );
    await allow(SERVER, "mpin-server", "join-token,grant");
    const policy = await allow(PEOPLE, "mpin,sig,permit", "email-code,device,join-token");
    // So that one device can bring in the next: this server's word, and the first device's signature.
    const loginServers = [{ name: SERVICE, publicKey: initialised["approvalKey"], services: [SERVICE] }];
    const next = { ...policy, version: Number(policy["version"]) + 1, loginServers };
    await milagro(job, ["dta", "policy", "--home", home.dta(index), "--set", "-"], {
      input: JSON.stringify(next),
      show: false,
    });
  });
  const file = home.path(SERVICE, "join-tokens");
  await writeFileAtomic(file, await joinTokens(job, SERVER, "mpin-server"));
  return file;
}

/** A device of Bob's, from nothing to logged in. */
export async function logInBob(job: Job, state: DevState): Promise<void> {
  const { timeline, context } = job;
  timeline.chapter("Bob's phone enrols at the three authorities, chooses a PIN, and logs in");
  await withHttp(async (http) => {
    const phone = await openPhone(http, loginOrigin(state), context.signal);
    const identity = await enrolPhone(job, phone);
    const wrong = await attempt(phone, identity, WRONG_PIN);
    if (wrong.outcome !== "refused") throw failed(`a wrong PIN was ${wrong.outcome}`);
    timeline.fact(
      "wrong PIN",
      `refused; ${wrong.attemptsLeft} attempts are left, and neither side knows how wrong it was`,
    );
    const right = await attempt(phone, identity, PIN);
    if (right.outcome !== "accepted") throw failed(`the right PIN was ${right.outcome}`);
    timeline.check(`${right.user} is logged in: a token and a PIN, checked by one product of two pairings`);
  });
}

async function enrolPhone(job: Job, phone: MpinClient): Promise<MpinIdentity> {
  const service = await fetchLoginService(phone);
  const enrolment = await beginEnrolment(phone, { service, user: "bob", label: "Bob's phone", loadEngine: engineOf });
  const tokens = await joinTokens(job, enrolment.identity, "mpin,sig");
  const progress = await enrolment.submit(activationEvidence(tokens));
  if (progress.outcome !== "issued") throw failed(`enrolment was ${progress.outcome}`);
  job.timeline.fact("shares", "three, sealed to the phone, each proven right; their sum exists on the phone alone");
  const chosen = await enrolment.finish(parsePin(utf8(PIN)));
  if (!("register" in chosen)) throw failed("the PIN was found weak");
  const registered = await chosen.register();
  if (registered.outcome !== "registered") throw failed(`registration was ${registered.outcome}`);
  job.timeline.fact(
    "token",
    "what is left of the sum when the PIN is taken out of it: of no use to a thief without the PIN",
  );
  return registered.account.identity;
}

function attempt(phone: MpinClient, identity: MpinIdentity, pin: string): Promise<LoginOutcome> {
  return login(phone, { identity, pin: parsePin(utf8(pin)), purpose: { type: "session" } });
}

const failed = (what: string): MilagroError => new MilagroError("ERR_DEV_FAILED", `login: ${what}`);
