/**
 * The rotation's steps over HTTP, and its approval on the admin socket. As for the founding, the id in the path is what authorises a
 * coordinator, who can stop a rotation with nonsense and never make this D-TA sign what it has not verified.
 * @module
 */
import {
  CeremonyCommitmentsSchema,
  CeremonyCommitSchema,
  CeremonySignatureSchema,
  CeremonySignaturesSchema,
  encodeCeremonyCommit,
  encodeCeremonySignature,
  parseCeremonyCommitments,
  parseCeremonySignatures,
} from "@milagro/protocol/ceremony-messages";
import { encodeSignedDescriptor, SignedDescriptorSchema } from "@milagro/protocol/descriptor";
import { DoneSchema } from "@milagro/protocol/dta-messages";
import {
  encodeRotationReveal,
  encodeRotationStatus,
  parseRotationProposal,
  parseRotationReveals,
  RotationProposalSchema,
  RotationRevealSchema,
  RotationRevealsSchema,
  RotationStatusSchema,
} from "@milagro/protocol/rotation-messages";
import type { HttpApp } from "@milagro/runtime/http-server";
import Type from "typebox";
import type { Rotations } from "./rotation.ts";
import { CeremonyPath, parseCeremonyId } from "./routes-ceremony.ts";

const RotationList = Type.Object({ v: Type.Literal(1), rotations: Type.Array(RotationStatusSchema) });

export function addRotationRoutes(app: HttpApp, rotations: Rotations): void {
  const answering = <R>(summary: string, response: R) => ({
    tags: ["rotation"],
    summary,
    params: CeremonyPath,
    response: { 200: response },
  });
  const taking = <B, R>(summary: string, body: B, response: R) => ({
    schema: { ...answering(summary, response), body },
  });

  app.get(
    "/v1/rotations/:id",
    { schema: answering("Where the rotation stands here", RotationStatusSchema) },
    async ({ params }) => encodeRotationStatus(await rotations.status(parseCeremonyId(params.id))),
  );
  app.post(
    "/v1/rotations/:id/commit",
    { schema: answering("This member's commitment", CeremonyCommitSchema) },
    async ({ params }) => encodeCeremonyCommit(await rotations.commit(parseCeremonyId(params.id))),
  );
  app.post(
    "/v1/rotations/:id/commitments",
    taking("Everybody's commitments, for this member's new key", CeremonyCommitmentsSchema, RotationRevealSchema),
    async ({ params, body }) =>
      encodeRotationReveal(
        await rotations.takeCommitments(parseCeremonyId(params.id), parseCeremonyCommitments(body).commitments),
      ),
  );
  app.post(
    "/v1/rotations/:id/reveals",
    taking("Everybody's new keys, for this member's signature", RotationRevealsSchema, CeremonySignatureSchema),
    async ({ params, body }) =>
      encodeCeremonySignature(
        await rotations.takeReveals(parseCeremonyId(params.id), parseRotationReveals(body).reveals),
      ),
  );
  app.post(
    "/v1/rotations/:id/signatures",
    taking("Everybody's signatures, for the later descriptor", CeremonySignaturesSchema, SignedDescriptorSchema),
    async ({ params, body }) =>
      encodeSignedDescriptor(
        await rotations.takeSignatures(parseCeremonyId(params.id), parseCeremonySignatures(body).signatures),
      ),
  );
}

/** On the operator's socket. */
export function addRotationApprovalRoutes(app: HttpApp, rotations: Rotations): void {
  app.get("/v1/rotations", { schema: { tags: ["rotation"], response: { 200: RotationList } } }, async () => ({
    v: 1 as const,
    rotations: (await rotations.list()).map((status) => encodeRotationStatus(status)),
  }));
  app.post(
    "/v1/rotations",
    { schema: { tags: ["rotation"], body: RotationProposalSchema, response: { 200: RotationStatusSchema } } },
    async ({ body }) => encodeRotationStatus(await rotations.approve(parseRotationProposal(body))),
  );
  app.delete(
    "/v1/rotations/:id",
    { schema: { tags: ["rotation"], params: CeremonyPath, response: { 200: DoneSchema } } },
    async ({ params }) => {
      await rotations.abandon(parseCeremonyId(params.id));
      return { v: 1 as const, done: true as const };
    },
  );
}
