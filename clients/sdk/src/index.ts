/**
 * Enrol with n D-TAs, hold keys, encapsulate, decapsulate, sign. Pure: network, clock, randomness and storage come in.
 * @module
 */
export { type Client, createClient } from "./client.ts";
export type { ClientDeps } from "./deps.ts";
export type { EnrolmentRoute, EnrolOptions } from "./enrol.ts";
export type { HttpPort, HttpRequest, HttpResponse } from "./http-port.ts";
export { encodeKeyRing, KeyRing, type KeySlot, parseKeyRing } from "./key-ring.ts";
export { firstSight, type KnownDomain, laterSight, openKnownDomain } from "./known-domain.ts";
export type { NewSecret, OpenedSecret, ReadingRules } from "./secrets.ts";
