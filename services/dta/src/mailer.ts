/**
 * Sending mail: over SMTP, or, for development, as one JSON file a mail in a folder. It is given addresses of the strict grammar only, and
 * texts that are fixed but for names and the code, so nothing of a requester's can become a header or a second recipient.
 * Source: RFC 3834 §5 (Auto-Submitted), RFC 8314 §3 (TLS for submission).
 * @module
 */
import { isAbsolute, join } from "node:path";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { isEmailAddress } from "@milagro/protocol/email-address";
import type { MailLanguage } from "@milagro/protocol/email-code";
import { makePrivateFolder, writeFileAtomic } from "@milagro/runtime/atomic-file";
import type { Clock } from "@milagro/runtime/clock";
import { readPassphrase } from "@milagro/runtime/passphrase";
import type { DtaConfig, Home } from "./config.ts";

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly language: MailLanguage;
}

export interface Mailer {
  /** Rejects when nobody took the mail over. Not tried again: whoever waits for it asks anew. */
  send(mail: Mail): Promise<void>;
}

/** A mail as it is written to a folder. */
export interface MailFile extends Mail {
  readonly v: 1;
  /** Unix seconds. */
  readonly time: number;
  readonly from: string;
}

interface MailerOptions {
  readonly home: Home;
  readonly config: DtaConfig;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

const FOLDER = "folder:";
const CONNECT_TIMEOUT_MS = 10_000;
const SEND_TIMEOUT_MS = 20_000;
const LOOPBACK = ["127.0.0.1", "[::1]", "localhost"];

/** `undefined` when this D-TA sends none. @throws `ERR_CONFIG_INVALID`, and what reading the password file throws */
export async function createMailer(options: MailerOptions): Promise<Mailer | undefined> {
  const { mail } = options.config;
  if (mail === undefined) return undefined;
  return mail.startsWith(FOLDER) ? folderMailer(options, mail.slice(FOLDER.length)) : smtpMailer(options, mail);
}

async function folderMailer({ home, config, clock, random }: MailerOptions, path: string): Promise<Mailer> {
  const folder = isAbsolute(path) ? path : join(home.folder, path);
  await makePrivateFolder(folder);
  return {
    send: async (mail) => {
      const nowMs = clock();
      const file: MailFile = { v: 1, time: Math.floor(nowMs / 1000), from: config.mailFrom ?? config.name, ...mail };
      const name = `${String(nowMs).padStart(15, "0")}-${Buffer.from(random(6)).toString("hex")}.json`;
      await writeFileAtomic(join(folder, name), new TextEncoder().encode(`${JSON.stringify(file, null, 2)}\n`));
    },
  };
}

async function smtpMailer({ config }: MailerOptions, address: string): Promise<Mailer> {
  const from = config.mailFrom;
  if (from === undefined || !isEmailAddress(from))
    throw new MilagroError("ERR_CONFIG_INVALID", 'setting "mailFrom": mail by SMTP needs a sender\'s address');
  const url = new URL(address);
  const secure = url.protocol === "smtps:";
  const { createTransport } = await import("nodemailer");
  const transport = createTransport({
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (secure ? 465 : 587) : Number(url.port),
    secure,
    // Who reads the mail on its way reads the code.
    requireTLS: !secure && !LOOPBACK.includes(url.hostname),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SEND_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(url.username === "" ? {} : { auth: { user: decodeURIComponent(url.username), pass: await password(config) } }),
  });
  return {
    send: async ({ to, subject, text, language }) => {
      if (!isEmailAddress(to)) throw new TypeError("not an address of the strict grammar");
      await transport.sendMail({
        envelope: { from, to: [to] },
        from: { name: config.name, address: from },
        to: { name: "", address: to },
        subject,
        text,
        headers: { "Auto-Submitted": "auto-generated", "Content-Language": language },
      });
    },
  };
}

/** The library wants text, which cannot be wiped. */
async function password({ mailPasswordFile: file }: DtaConfig): Promise<string> {
  if (file === undefined)
    throw new MilagroError(
      "ERR_CONFIG_INVALID",
      'setting "mailPasswordFile": a user name at the mail server needs one',
    );
  const secret = await readPassphrase({ file });
  try {
    return secret.use((bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } finally {
    secret.destroy();
  }
}
