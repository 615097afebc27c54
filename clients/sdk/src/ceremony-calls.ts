/**
 * What coordinators of ceremonies have in common: calls that name the member which fails, and a look at whether all end with the same.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { equalBytes } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { canonicalText } from "@milagro/protocol/canonical";
import { encodeSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import type { HttpPort } from "./http-port.ts";
import { apiUrl, callJson, jsonBody } from "./json-call.ts";

/** Whom to call. */
export interface CeremonyMember {
  readonly index: number;
  readonly name: string;
  readonly url: string;
}

/** A D-TA checks all the others' proofs before it signs, on a machine that may be slow. */
const STEP_TIMEOUT_MS = 60_000;

/** @param kind - the collection in the path, such as `ceremonies` */
export function ceremonyCalls(http: HttpPort, kind: "ceremonies" | "rotations", ceremonyId: Uint8Array) {
  const base = `/v1/${kind}/${encodeBase64url(ceremonyId)}`;
  /** One step at one member. @throws the member's own error, naming it */
  const post = <T>(member: CeremonyMember, step: string, body: object, parse: (value: unknown) => T): Promise<T> =>
    callJson(
      http,
      {
        method: "POST",
        url: apiUrl(member.url, `${base}/${step}`),
        body: jsonBody(body),
        timeoutMs: STEP_TIMEOUT_MS,
        idempotent: true,
      },
      parse,
    ).catch((error: unknown) => {
      throw error instanceof MilagroError
        ? new MilagroError(error.code, `D-TA ${member.index} (${member.name}): ${error.message}`, { cause: error })
        : error;
    });
  /** The same, for an answer that says whose it is: one for another member would make the others refuse later, with less to go by. */
  const postOwn = async <T extends { readonly index: number; readonly ceremonyId: Uint8Array }>(
    member: CeremonyMember,
    step: string,
    body: object,
    parse: (value: unknown) => T,
  ): Promise<T> => {
    const answer = await post(member, step, body, parse);
    if (answer.index === member.index && equalBytes(answer.ceremonyId, ceremonyId)) return answer;
    throw new MilagroError(
      "ERR_CEREMONY_FAULT",
      `D-TA ${member.index} (${member.name}) answers for another place or ceremony`,
    );
  };
  return { post, postOwn };
}

/** The descriptor that all end with. @throws `ERR_CEREMONY_FAULT` */
export function theSame(descriptors: readonly SignedDescriptor[]): SignedDescriptor {
  const [signed] = descriptors;
  if (!signed) throw new TypeError("a ceremony has at least one member");
  const text = canonicalText(encodeSignedDescriptor(signed));
  const odd = descriptors.findIndex((other) => canonicalText(encodeSignedDescriptor(other)) !== text);
  if (odd >= 0)
    throw new MilagroError("ERR_CEREMONY_FAULT", `D-TA ${odd + 1} ends with another descriptor than D-TA 1`);
  return signed;
}
