/**
 * The ceremony's steps over HTTP. The id in the path is what authorises a coordinator: it is a hash over a random nonce that only the operators know. Whoever has it can
 * stop the ceremony with nonsense, never make this D-TA sign something it has not verified.
 * @module
 */
import { parseBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import {
  CeremonyCommitmentsSchema,
  CeremonyCommitSchema,
  CeremonyRevealSchema,
  CeremonyRevealsSchema,
  CeremonySignatureSchema,
  CeremonySignaturesSchema,
  CeremonyStatusSchema,
  encodeCeremonyCommit,
  encodeCeremonyReveal,
  encodeCeremonySignature,
  encodeCeremonyStatus,
  parseCeremonyCommitments,
  parseCeremonyReveals,
  parseCeremonySignatures,
} from "@milagro/protocol/ceremony-messages";
import { encodeSignedDescriptor, SignedDescriptorSchema } from "@milagro/protocol/descriptor";
import type { HttpApp } from "@milagro/runtime/http-server";
import Type from "typebox";
import type { Ceremonies } from "./ceremony.ts";

export const CeremonyPath = Type.Object({
  id: Type.String({ minLength: 43, maxLength: 43, pattern: "^[A-Za-z0-9_-]{43}$" }),
});

/** @throws `ERR_CEREMONY_UNKNOWN` for text that is no identifier: nothing of that name was approved */
export function parseCeremonyId(text: string): Uint8Array {
  try {
    return parseBase64url(text);
  } catch (cause) {
    throw new MilagroError("ERR_CEREMONY_UNKNOWN", "this D-TA's operator has not approved such a ceremony", { cause });
  }
}

export function addCeremonyRoutes(app: HttpApp, ceremonies: Ceremonies): void {
  const schema = <B, R>(summary: string, body: B, response: R) => ({
    schema: { tags: ["ceremony"], summary, params: CeremonyPath, body, response: { 200: response } },
  });

  app.get(
    "/v1/ceremonies/:id",
    {
      schema: {
        tags: ["ceremony"],
        summary: "Where the ceremony stands here",
        params: CeremonyPath,
        response: { 200: CeremonyStatusSchema },
      },
    },
    async ({ params }) => encodeCeremonyStatus(await ceremonies.status(parseCeremonyId(params.id))),
  );

  app.post(
    "/v1/ceremonies/:id/commit",
    {
      schema: {
        tags: ["ceremony"],
        summary: "This member's commitment",
        params: CeremonyPath,
        response: { 200: CeremonyCommitSchema },
      },
    },
    async ({ params }) => encodeCeremonyCommit(await ceremonies.commit(parseCeremonyId(params.id))),
  );

  app.post(
    "/v1/ceremonies/:id/commitments",
    schema("Everybody's commitments, for this member's keys", CeremonyCommitmentsSchema, CeremonyRevealSchema),
    async ({ params, body }) =>
      encodeCeremonyReveal(
        await ceremonies.takeCommitments(parseCeremonyId(params.id), parseCeremonyCommitments(body).commitments),
      ),
  );

  app.post(
    "/v1/ceremonies/:id/reveals",
    schema("Everybody's keys, for this member's signature", CeremonyRevealsSchema, CeremonySignatureSchema),
    async ({ params, body }) =>
      encodeCeremonySignature(
        await ceremonies.takeReveals(parseCeremonyId(params.id), parseCeremonyReveals(body).reveals),
      ),
  );

  app.post(
    "/v1/ceremonies/:id/signatures",
    schema("Everybody's signatures, for the signed descriptor", CeremonySignaturesSchema, SignedDescriptorSchema),
    async ({ params, body }) =>
      encodeSignedDescriptor(
        await ceremonies.takeSignatures(parseCeremonyId(params.id), parseCeremonySignatures(body).signatures),
      ),
  );
}
