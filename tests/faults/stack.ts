/**
 * The whole of Milagro in this process: three D-TAs with real files, threads and sockets, the D-KMS with its bus, and the command line. Its clocks can be moved, its D-TAs sealed, slowed
 * down, stopped, and made to lie.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { generateMasterSecretShare } from "@milagro/crypto/master-secret";
import { parseCeremonyProposal } from "@milagro/protocol/ceremony-messages";
import { encodeSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { sealShares, sharesHashOf } from "@milagro/protocol/issuance";
import {
  encodeIssuedAnswer,
  encodeReceipt,
  type IssuedAnswer,
  parseIssuanceAnswer,
} from "@milagro/protocol/issuance-messages";
import { issueShares } from "@milagro/protocol/issue-shares";
import { encodeIssuancePolicy } from "@milagro/protocol/policy";
import { type Ran, run } from "../../clients/cli/test/run-cli.ts";
import type { Home } from "../../services/dta/src/config.ts";
import type { Issuer } from "../../services/dta/src/issuer.ts";
import type { RecordedIssuance } from "../../services/dta/src/issuer-messages.ts";
import {
  cleanUp,
  engine,
  found,
  HeldClock,
  initHome,
  joinToken,
  memberOf,
  newFolder,
  OPEN_POLICY,
  random,
  startHome,
  stop,
  type TestDta,
} from "../../services/dta/test/support.ts";
import type { Kms } from "../../services/kms/src/kms.ts";
import { startInProcess } from "../../services/kms/test/support.ts";
import { epochSecondsAwayFromTheEnd } from "../support/epochs.ts";
import { freePorts } from "../support/ports.ts";

export const COUNT = 3;
export const who = (name: string): Identity => parseIdentity(`milagro:example.org/${name}`);
/** Whoever asks D-TA 2 for this identity's keys gets shares of another master. */
export const VICTIM = who("person/victim");

/** Runs with the real one, some way off. */
export class OffsetClock extends HeldClock {
  offsetMs = 0;
  override readonly read = (): number => Date.now() + this.offsetMs;
}

export interface Stack {
  readonly folder: string;
  readonly signed: SignedDescriptor;
  readonly domainFile: string;
  readonly dtas: readonly TestDta[];
  readonly dtaClocks: readonly OffsetClock[];
  readonly kmsClock: OffsetClock;
  readonly kms: Kms;
  /** Milliseconds before D-TA 3 issues. */
  slowMs: number;
  cli(line: string, input?: string): Promise<Ran>;
  /** One join token of each D-TA, a line each. */
  tokens(identity: Identity): Promise<string>;
  stopDta(index: number): Promise<void>;
  startDta(index: number): Promise<void>;
  close(): Promise<void>;
}

export async function startStack(): Promise<Stack> {
  const folder = newFolder();
  const ports = await freePorts(COUNT + 2);
  const [kmsPort, busPort] = ports.slice(COUNT);
  const dtaClocks = Array.from({ length: COUNT }, () => new OffsetClock());
  const kmsClock = new OffsetClock();
  const homes: Home[] = [];
  const dtas: TestDta[] = [];
  const state = { slowMs: 0 };

  const start = (index: number): Promise<TestDta> =>
    startHome(homes[index - 1] as Home, dtaClocks[index - 1] as OffsetClock, {
      config: { listen: `127.0.0.1:${ports[index - 1]}` },
      wrap: { issuer: (issuer) => (index === 2 ? liar(issuer) : index === 3 ? slow(issuer, state) : issuer) },
    });
  for (let index = 1; index <= COUNT; index++) {
    homes.push(await initHome(index));
    dtas.push(await start(index));
  }
  const proposal = parseCeremonyProposal({
    v: 1,
    name: "example.org",
    // Moving a clock by up to an hour stays within the epoch.
    epochSeconds: epochSecondsAwayFromTheEnd(86_400, 3600 + 900),
    members: dtas.map((_, i) => ({ ...memberOf(i + 1), url: `http://127.0.0.1:${ports[i]}` })),
    kms: { url: `http://127.0.0.1:${kmsPort}`, busUrl: `mqtt://127.0.0.1:${busPort}` },
    nonce: encodeBase64url(random(16)),
  });
  const signed = await found(dtas, proposal);
  const domainFile = join(folder, "domain.json");
  writeFileSync(domainFile, JSON.stringify(encodeSignedDescriptor(signed)));
  const policy = encodeIssuancePolicy(OPEN_POLICY);
  const rules = policy.rules.map((rule) => ({ ...rule, identities: ["milagro:example.org/*/**"] }));
  for (const dta of dtas) await dta.admin.request({ method: "PUT", path: "/v1/policy", body: { ...policy, rules } });

  const kmsHome = join(folder, "kms");
  mkdirSync(kmsHome);
  writeFileSync(join(kmsHome, "domain.json"), JSON.stringify(encodeSignedDescriptor(signed)));
  const rule = {
    effect: "allow",
    identities: ["milagro:example.org/person/*"],
    actions: ["put", "read", "list", "rotate"],
    paths: ["**"],
  };
  writeFileSync(join(kmsHome, "policy.json"), JSON.stringify({ v: 1, version: 1, rules: [rule] }));
  const args = ["--listen", `127.0.0.1:${kmsPort}`, "--bus-listen", `127.0.0.1:${busPort}`];
  const kms = await startInProcess(kmsHome, { args, clock: kmsClock.read });

  writeFileSync(join(folder, "pass"), "the passphrase of a person\n", { mode: 0o600 });
  const cli = (line: string, input?: string): Promise<Ran> =>
    run([...line.split(" "), "--home", "home", "--format", "json"], {
      cwd: folder,
      env: { MILAGRO_PASSPHRASE_FILE: join(folder, "pass") },
      ...(input === undefined ? {} : { input }),
    });
  const pinned = await cli("domain verify domain.json");
  if (pinned.status !== 0) throw new Error(pinned.stderr);

  return {
    folder,
    signed,
    domainFile,
    dtas,
    dtaClocks,
    kmsClock,
    kms,
    get slowMs() {
      return state.slowMs;
    },
    set slowMs(ms) {
      state.slowMs = ms;
    },
    cli,
    tokens: async (identity) => {
      const made: string[] = [];
      for (const dta of dtas)
        made.push(await joinToken(dta, { identities: identity, usages: ["enc", "sig"], ttlSeconds: 7200 }));
      return made.join("\n");
    },
    stopDta: (index) => stop(dtas[index - 1] as TestDta),
    startDta: async (index) => {
      dtas[index - 1] = await start(index);
    },
    close: async () => {
      await kms.close();
      await cleanUp();
    },
  };
}

/** Records and signs as it should, and hands out shares of a master that is not its own. */
function liar(issuer: Issuer): Issuer {
  const other = {
    id: generateMasterSecretShare(engine, "id"),
    mpin: generateMasterSecretShare(engine, "mpin"),
  };
  const call: Issuer["call"] = async (name, input) => {
    const honest = await issuer.call(name, input);
    if (name !== "issue") return honest;
    const { request, requestHash } = (input as RecordedIssuance).opened;
    if (request.identity !== VICTIM) return honest;
    const answer = parseIssuanceAnswer(honest) as IssuedAnswer;
    const shares = await sealShares({
      random,
      requestKey: request.requestKey,
      requestHash,
      index: answer.index,
      shares: issueShares(engine, other, request),
    });
    const receipt = { ...answer.receipt, sharesHash: sharesHashOf(shares) };
    const { signature: _, ...body } = encodeReceipt(receipt);
    const signature = await issuer.call("sign", { kind: "receipt", body });
    return encodeIssuedAnswer({ ...answer, shares, receipt: { ...receipt, signature } }) as typeof honest;
  };
  return around(issuer, call);
}

function slow(issuer: Issuer, state: { readonly slowMs: number }): Issuer {
  const call: Issuer["call"] = async (name, input) => {
    if (name === "issue" && state.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, state.slowMs));
    return issuer.call(name, input);
  };
  return around(issuer, call);
}

const around = (issuer: Issuer, call: Issuer["call"]): Issuer => ({
  call,
  get sealed() {
    return issuer.sealed;
  },
  get pending() {
    return issuer.pending;
  },
  close: () => issuer.close(),
});
