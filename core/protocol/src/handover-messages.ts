/**
 * Handover: a login on one screen by the device in one's hand. The QR code carries `url`; the number on the screen must be picked on
 * the device, so that a code which a phisher relays from another place does not match what the user sees.
 *
 *   screen  POST /v1/handovers                 HandoverRequest → Handover     binds it to the screen's cookie; shows QR and number
 *   device  GET  /v1/handovers/:id             → HandoverView                 which application, where the screen is, numbers to pick from
 *   device  login with purpose `handover`      payload: id, client, number    a wrong number ends it
 *   screen  GET  /v1/handovers/:id/state?wait= → HandoverState                with the same cookie
 *   screen  POST /v1/handovers/:id/session     Empty → LoginOutcome           once, when accepted: a session of its own
 * @module
 */
import { Type } from "typebox";
import { MatchNumber, SecretName } from "./login-messages.ts";
import { encoderOf, HttpUrl, type Parsed, parserOf, strict, UnixSeconds, Version } from "./wire.ts";

/** Body of `POST /v1/handovers`. */
export const HandoverRequestSchema = strict({
  v: Version,
  interaction: Type.Optional(
    Type.String({ pattern: "^[A-Za-z0-9_\\-]{1,128}$", description: "Uid of the application's login" }),
  ),
});
export type HandoverRequest = Parsed<typeof HandoverRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseHandoverRequest = parserOf("handover request", HandoverRequestSchema);
export const encodeHandoverRequest = encoderOf("handover request", HandoverRequestSchema);

/** Answer to it. */
export const HandoverSchema = strict({
  v: Version,
  id: SecretName,
  number: MatchNumber,
  url: HttpUrl,
  expires: UnixSeconds,
});
export type Handover = Parsed<typeof HandoverSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseHandover = parserOf("handover", HandoverSchema);
export const encodeHandover = encoderOf("handover", HandoverSchema);

/** What the device sees of it. */
export const HandoverViewSchema = strict({
  v: Version,
  client: Type.String({ minLength: 1, maxLength: 255 }),
  place: strict({
    address: Type.String({ maxLength: 64, description: "Network address of the screen" }),
    agent: Type.String({ maxLength: 128, description: "What its browser says it is, in plain characters" }),
  }),
  choices: Type.Array(MatchNumber, { minItems: 3, maxItems: 3 }),
  expires: UnixSeconds,
});
export type HandoverView = Parsed<typeof HandoverViewSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseHandoverView = parserOf("handover view", HandoverViewSchema);
export const encodeHandoverView = encoderOf("handover view", HandoverViewSchema);

/** What the screen sees. */
export const HandoverStateSchema = strict({
  v: Version,
  state: Type.Enum(["waiting", "accepted", "refused"]),
  expires: UnixSeconds,
});
export type HandoverState = Parsed<typeof HandoverStateSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseHandoverState = parserOf("handover state", HandoverStateSchema);
export const encodeHandoverState = encoderOf("handover state", HandoverStateSchema);
