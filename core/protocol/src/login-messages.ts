/**
 * Bodies of the login server's API: what it is, logins in two passes, and who one is afterwards. Registration, QuickCode,
 * handover and signatures have files of their own. The equations are in docs/spec/mpin.md, and so are routes and checks.
 *
 *   GET  /v1/service                          → LoginService
 *   POST /v1/logins                           LoginRequest → LoginStarted
 *   POST /v1/logins/:session/commitments      LoginCommitment → LoginChallenge
 *   POST /v1/logins/:session/proofs           LoginProof → LoginOutcome
 *   GET  /v1/me                               → Me
 *   POST /v1/logout                           Empty → Done
 *   PATCH, DELETE /v1/devices/:device         DeviceChange → Done;  DELETE has no body
 * @module
 */
import { Type } from "typebox";
import { hashCanonical } from "./canonical.ts";
import { EpochSeconds, SignedDescriptorSchema } from "./descriptor.ts";
import {
  bytes,
  Counter,
  DomainIdBytes,
  EpochNumber,
  encoderOf,
  Hash,
  HttpUrl,
  IdentityText,
  line,
  Ordinal,
  type Parsed,
  parserOf,
  strict,
  UnixSeconds,
  Version,
  type Wire,
} from "./wire.ts";

/** A random name that the server gave: 32 bytes. Who knows it may act on what it names. */
export const SecretName = bytes(32, "Random name");
/** What the number on two screens looks like, by which a person knows that they belong together. */
export const MatchNumber = Type.String({ pattern: "^[0-9]{2}$", description: "Two digits, shown on the other device" });
/** What a person calls a device. */
export const DeviceLabel = line(64, "What the user calls the device");
/** The `user` segment of an identity. */
export const UserName = Type.String({ minLength: 1, maxLength: 200, description: "Name or lower-case e-mail address" });
/** The `device` segment of an identity. */
export const DeviceName = Type.String({ pattern: "^[a-z0-9]{10}$", description: "Ten random letters and digits" });
/** The application that a login is for: the service's own name, or that of an OpenID client. */
const ClientName = Type.String({ minLength: 1, maxLength: 255, description: "The application the login is for" });
/** Where to go next, on this server or an application. */
const NextUrl = Type.String({ minLength: 1, maxLength: 2048, description: "Where to go now" });

/** The ways in which a device may enrol. */
export const ENROLMENT_WAYS = ["email", "activation", "openid", "quick-code"] as const;
export type EnrolmentWay = (typeof ENROLMENT_WAYS)[number];
/** The languages that pages and mails speak. */
export const LANGUAGES = ["en", "de", "ja", "ar"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Body of calls that say nothing. */
export const EmptySchema = strict({ v: Version });
export type Empty = Parsed<typeof EmptySchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseEmpty = parserOf("body", EmptySchema);
export const encodeEmpty = encoderOf("body", EmptySchema);

/** Answer of `GET /v1/service`. `descriptorHash` is for comparing with a pinned one; a client that has none pins this at its first visit. */
export const LoginServiceSchema = strict({
  v: Version,
  service: Type.String({ minLength: 1, maxLength: 200, description: "The `service` segment of its identities" }),
  origin: HttpUrl,
  domainId: DomainIdBytes,
  descriptor: SignedDescriptorSchema,
  descriptorHash: Hash,
  /** By which a later descriptor is believed; absent where `descriptor` is the first one. */
  genesis: Type.Optional(SignedDescriptorSchema),
  /** Epoch of the `mpin` master that logins are checked by; absent for 0. */
  master: Type.Optional(Ordinal),
  server: IdentityText,
  /** Whether a login needs a time permit. */
  permits: Type.Boolean(),
  epochSeconds: EpochSeconds,
  policy: strict({
    pin: strict({ min: Type.Integer({ minimum: 4, maximum: 8 }), max: Type.Integer({ minimum: 4, maximum: 8 }) }),
    attempts: Type.Integer({ minimum: 1, maximum: 100, description: "Wrong PINs until a device is blocked" }),
  }),
  enrolment: Type.Array(Type.Enum([...ENROLMENT_WAYS]), { maxItems: 8 }),
  /** Where an existing login is evidence for a new device, when `enrolment` says so. */
  openId: Type.Optional(strict({ name: line(64, "What people call the provider") })),
  languages: Type.Array(Type.Enum([...LANGUAGES]), { minItems: 1, maxItems: 16 }),
  demo: Type.Boolean(),
  /** Demo only: whether `GET /v1/demo/mail` shows the mails of the D-TAs. */
  mail: Type.Optional(Type.Boolean()),
});
export type LoginService = Parsed<typeof LoginServiceSchema>;
export type LoginServiceWire = Wire<typeof LoginServiceSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseLoginService = parserOf("login service", LoginServiceSchema);
export const encodeLoginService = encoderOf("login service", LoginServiceSchema);

/** What a login is for. */
export const LoginPurposeSchema = Type.Union([
  strict({ type: Type.Literal("session") }, "A session at this server"),
  strict(
    { type: Type.Literal("interaction"), uid: Type.String({ pattern: "^[A-Za-z0-9_\\-]{1,128}$" }) },
    "A login that an application asked for",
  ),
  strict({ type: Type.Literal("quick-code"), id: SecretName }, "Approval of another device of one's own"),
  strict(
    { type: Type.Literal("handover"), id: SecretName, number: MatchNumber },
    "A login on another screen, whose number the user has picked",
  ),
]);
export type LoginPurpose = Parsed<typeof LoginPurposeSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseLoginPurpose = parserOf("login purpose", LoginPurposeSchema);
export const encodeLoginPurpose = encoderOf("login purpose", LoginPurposeSchema);

/** Body of `POST /v1/logins`. */
export const LoginRequestSchema = strict({ v: Version, purpose: LoginPurposeSchema });
export type LoginRequest = Parsed<typeof LoginRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseLoginRequest = parserOf("login request", LoginRequestSchema);
export const encodeLoginRequest = encoderOf("login request", LoginRequestSchema);

/** What is approved beyond the login itself. The client shows it, and compares it with what it knows. */
export const LoginPayloadSchema = Type.Union([
  strict({
    type: Type.Literal("quick-code"),
    requestHash: Hash,
    label: DeviceLabel,
  }),
  strict({ type: Type.Literal("handover"), id: SecretName, client: ClientName, number: MatchNumber }),
  strict({ type: Type.Literal("message"), text: line(256, "What the application asks to confirm") }),
]);
export type LoginPayload = Parsed<typeof LoginPayloadSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseLoginPayload = parserOf("login payload", LoginPayloadSchema);
export const encodeLoginPayload = encoderOf("login payload", LoginPayloadSchema);

/** The `payloadHash` of a login's context: SHA-256 of the canonical payload, or empty. */
export const loginPayloadHash = (payload: LoginPayload | undefined): Uint8Array =>
  payload === undefined ? new Uint8Array(0) : hashCanonical(encodeLoginPayload(payload));

/** Answer of `POST /v1/logins`. `origin` and `client` are for comparing: each side puts in what it knows itself. */
export const LoginStartedSchema = strict({
  v: Version,
  session: SecretName,
  expires: UnixSeconds,
  client: ClientName,
  origin: HttpUrl,
  payload: Type.Optional(LoginPayloadSchema),
  permitEpoch: Type.Optional(EpochNumber),
  /** Epoch of the `mpin` master; absent for 0. A device that is behind updates its token and begins again. */
  master: Type.Optional(Ordinal),
});
export type LoginStarted = Parsed<typeof LoginStartedSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseLoginStarted = parserOf("login started", LoginStartedSchema);
export const encodeLoginStarted = encoderOf("login started", LoginStartedSchema);

/** Body of `POST /v1/logins/:session/commitments`: once per login. */
export const LoginCommitmentSchema = strict({ v: Version, identity: IdentityText, u: bytes(48, "U, a point of G1") });
export type LoginCommitment = Parsed<typeof LoginCommitmentSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseLoginCommitment = parserOf("login commitment", LoginCommitmentSchema);
export const encodeLoginCommitment = encoderOf("login commitment", LoginCommitmentSchema);

/** Answer to it, whether the identity is known or not. */
export const LoginChallengeSchema = strict({ v: Version, nonce: bytes(32, "Nonce") });
export type LoginChallenge = Parsed<typeof LoginChallengeSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseLoginChallenge = parserOf("login challenge", LoginChallengeSchema);
export const encodeLoginChallenge = encoderOf("login challenge", LoginChallengeSchema);

/** Body of `POST /v1/logins/:session/proofs`: taken once. */
export const LoginProofSchema = strict({ v: Version, response: bytes(48, "V, a point of G1") });
export type LoginProof = Parsed<typeof LoginProofSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseLoginProof = parserOf("login proof", LoginProofSchema);
export const encodeLoginProof = encoderOf("login proof", LoginProofSchema);

/** A wrong PIN, or anything else that is wrong: nothing says which. */
export const REFUSED_PROPERTIES = {
  v: Version,
  outcome: Type.Literal("refused"),
  attemptsLeft: Counter,
  /** Seconds until the next attempt is looked at. */
  retryAfter: Type.Optional(Counter),
} as const;
/** No attempt is looked at, for `retryAfter` seconds or, without it, until an administrator acts. */
export const BLOCKED_PROPERTIES = {
  v: Version,
  outcome: Type.Literal("blocked"),
  retryAfter: Type.Optional(Counter),
} as const;

/** Answer of `POST /v1/logins/:session/proofs`. */
export const LoginOutcomeSchema = Type.Union([
  strict({
    v: Version,
    outcome: Type.Literal("accepted"),
    identity: IdentityText,
    user: UserName,
    next: Type.Optional(NextUrl),
  }),
  strict(REFUSED_PROPERTIES),
  strict(BLOCKED_PROPERTIES),
]);
export type LoginOutcome = Parsed<typeof LoginOutcomeSchema>;
export type LoginOutcomeWire = Wire<typeof LoginOutcomeSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseLoginOutcome = parserOf("login outcome", LoginOutcomeSchema);
export const encodeLoginOutcome = encoderOf("login outcome", LoginOutcomeSchema);

/** `pending`: registered, and never logged in. */
export const DEVICE_STATES = ["pending", "active", "revoked"] as const;
export type DeviceState = (typeof DEVICE_STATES)[number];

/** One device of the user. */
export const DeviceSchema = strict({
  identity: IdentityText,
  label: DeviceLabel,
  created: UnixSeconds,
  lastLogin: Type.Optional(UnixSeconds),
  state: Type.Enum([...DEVICE_STATES]),
});
export type Device = Parsed<typeof DeviceSchema>;

/** Answer of `GET /v1/me`. `identity` is the device that this session began on. */
export const MeSchema = strict({
  v: Version,
  user: UserName,
  identity: IdentityText,
  authenticated: UnixSeconds,
  expires: UnixSeconds,
  devices: Type.Array(DeviceSchema, { maxItems: 100 }),
});
export type Me = Parsed<typeof MeSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseMe = parserOf("me", MeSchema);
export const encodeMe = encoderOf("me", MeSchema);

/** Body of `PATCH /v1/devices/:device`. */
export const DeviceChangeSchema = strict({ v: Version, label: DeviceLabel });
export type DeviceChange = Parsed<typeof DeviceChangeSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseDeviceChange = parserOf("device change", DeviceChangeSchema);
export const encodeDeviceChange = encoderOf("device change", DeviceChangeSchema);

/** Answer of `GET /v1/demo/mail?user=`: what the D-TAs of a demonstration mailed to this address, newest first. */
export const DemoMailSchema = strict({
  v: Version,
  mails: Type.Array(
    strict({
      from: line(200, "Which D-TA"),
      subject: line(200, "Subject"),
      text: Type.String({ maxLength: 8192 }),
      time: UnixSeconds,
    }),
    { maxItems: 100 },
  ),
});
export type DemoMail = Parsed<typeof DemoMailSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseDemoMail = parserOf("demo mail", DemoMailSchema);
export const encodeDemoMail = encoderOf("demo mail", DemoMailSchema);
