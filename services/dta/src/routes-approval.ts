/**
 * On the operator's socket: approving a founding or a rotation, giving it up, and going on from where others have come to.
 * @module
 */
import { CeremonyListSchema, CeremonyStatusSchema, encodeCeremonyStatus } from "@milagro/protocol/ceremony-messages";
import { parseSignedDescriptor, SignedDescriptorSchema } from "@milagro/protocol/descriptor";
import {
  CeremonyApprovalSchema,
  DescriptorTakenSchema,
  DoneSchema,
  encodeDescriptorTaken,
  parseCeremonyApproval,
} from "@milagro/protocol/dta-messages";
import {
  encodeRotationStatus,
  parseRotationProposal,
  RotationListSchema,
  RotationProposalSchema,
  RotationStatusSchema,
} from "@milagro/protocol/rotation-messages";
import type { HttpApp } from "@milagro/runtime/http-server";
import type { Ceremonies } from "./ceremony.ts";
import type { Rotations } from "./rotation.ts";
import { CeremonyPath, parseCeremonyId } from "./routes-ceremony.ts";

export function addCeremonyApprovalRoutes(app: HttpApp, ceremonies: Ceremonies): void {
  app.get("/v1/ceremonies", { schema: { tags: ["ceremony"], response: { 200: CeremonyListSchema } } }, async () => ({
    v: 1 as const,
    ceremonies: (await ceremonies.list()).map((status) => encodeCeremonyStatus(status)),
  }));
  app.post(
    "/v1/ceremonies",
    { schema: { tags: ["ceremony"], body: CeremonyApprovalSchema, response: { 200: CeremonyStatusSchema } } },
    async ({ body }) => {
      const { proposal, index } = parseCeremonyApproval(body);
      return encodeCeremonyStatus(await ceremonies.approve(proposal, index));
    },
  );
  addGivingUp(app, "/v1/ceremonies/:id", "ceremony", ceremonies);
}

export function addRotationApprovalRoutes(app: HttpApp, rotations: Rotations): void {
  app.get("/v1/rotations", { schema: { tags: ["rotation"], response: { 200: RotationListSchema } } }, async () => ({
    v: 1 as const,
    rotations: (await rotations.list()).map((status) => encodeRotationStatus(status)),
  }));
  app.post(
    "/v1/rotations",
    { schema: { tags: ["rotation"], body: RotationProposalSchema, response: { 200: RotationStatusSchema } } },
    async ({ body }) => encodeRotationStatus(await rotations.approve(parseRotationProposal(body))),
  );
  addGivingUp(app, "/v1/rotations/:id", "rotation", rotations);
  app.put(
    "/v1/descriptor",
    { schema: { tags: ["rotation"], body: SignedDescriptorSchema, response: { 200: DescriptorTakenSchema } } },
    async ({ body }) => encodeDescriptorTaken(await rotations.takeOver(parseSignedDescriptor(body))),
  );
}

const addGivingUp = (app: HttpApp, path: string, tag: string, of: Pick<Rotations, "abandon">) =>
  app.delete(
    path,
    { schema: { tags: [tag], params: CeremonyPath, response: { 200: DoneSchema } } },
    async ({ params }) => {
      await of.abandon(parseCeremonyId(params.id));
      return { v: 1 as const, done: true as const };
    },
  );
