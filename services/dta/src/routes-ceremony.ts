/**
 * The steps of a founding and of a rotation over HTTP. The id in the path is what authorises a coordinator: it is a hash over a random nonce that only the operators know. Whoever has it can
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
import {
  encodeRotationReveal,
  encodeRotationStatus,
  parseRotationReveals,
  RotationRevealSchema,
  RotationRevealsSchema,
  RotationStatusSchema,
} from "@milagro/protocol/rotation-messages";
import type { HttpApp } from "@milagro/runtime/http-server";
import Type, { type TSchema } from "typebox";
import type { Ceremonies } from "./ceremony.ts";
import type { CeremonySteps } from "./ceremony-steps.ts";
import type { Rotations } from "./rotation.ts";

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

export const addCeremonyRoutes = (app: HttpApp, ceremonies: Ceremonies): void =>
  addSteps(app, ceremonies, {
    path: "/v1/ceremonies/:id",
    tag: "ceremony",
    status: {
      schema: CeremonyStatusSchema,
      answer: async (id) => encodeCeremonyStatus(await ceremonies.status(id)),
    },
    reveal: { schema: CeremonyRevealSchema, encode: encodeCeremonyReveal },
    reveals: { schema: CeremonyRevealsSchema, parse: parseCeremonyReveals },
  });

export const addRotationRoutes = (app: HttpApp, rotations: Rotations): void =>
  addSteps(app, rotations, {
    path: "/v1/rotations/:id",
    tag: "rotation",
    status: {
      schema: RotationStatusSchema,
      answer: async (id) => encodeRotationStatus(await rotations.status(id)),
    },
    reveal: { schema: RotationRevealSchema, encode: encodeRotationReveal },
    reveals: { schema: RotationRevealsSchema, parse: parseRotationReveals },
  });

/** What differs on the wire. */
interface StepsWire<Reveal> {
  readonly path: string;
  readonly tag: string;
  readonly status: { readonly schema: TSchema; answer(id: Uint8Array): Promise<unknown> };
  readonly reveal: { readonly schema: TSchema; encode(reveal: Reveal): unknown };
  readonly reveals: { readonly schema: TSchema; parse(body: unknown): { readonly reveals: readonly Reveal[] } };
}

function addSteps<Reveal>(
  app: HttpApp,
  steps: CeremonySteps<Reveal>,
  { path, tag, status, reveal, reveals }: StepsWire<Reveal>,
): void {
  const answering = <R>(summary: string, response: R) => ({
    tags: [tag],
    summary,
    params: CeremonyPath,
    response: { 200: response },
  });
  const taking = <B, R>(summary: string, body: B, response: R) => ({
    schema: { ...answering(summary, response), body },
  });

  app.get(path, { schema: answering(`Where the ${tag} stands here`, status.schema) }, ({ params }) =>
    status.answer(parseCeremonyId(params.id)),
  );
  app.post(
    `${path}/commit`,
    { schema: answering("This member's commitment", CeremonyCommitSchema) },
    async ({ params }) => encodeCeremonyCommit(await steps.commit(parseCeremonyId(params.id))),
  );
  app.post(
    `${path}/commitments`,
    taking("Everybody's commitments, for what this member reveals", CeremonyCommitmentsSchema, reveal.schema),
    async ({ params, body }) =>
      reveal.encode(
        await steps.takeCommitments(parseCeremonyId(params.id), parseCeremonyCommitments(body).commitments),
      ),
  );
  app.post(
    `${path}/reveals`,
    taking("What everybody reveals, for this member's signature", reveals.schema, CeremonySignatureSchema),
    async ({ params, body }) =>
      encodeCeremonySignature(await steps.takeReveals(parseCeremonyId(params.id), reveals.parse(body).reveals)),
  );
  app.post(
    `${path}/signatures`,
    taking("Everybody's signatures, for the signed descriptor", CeremonySignaturesSchema, SignedDescriptorSchema),
    async ({ params, body }) =>
      encodeSignedDescriptor(
        await steps.takeSignatures(parseCeremonyId(params.id), parseCeremonySignatures(body).signatures),
      ),
  );
}
