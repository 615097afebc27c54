/**
 * The signature over the answer to the first round for attribute keys: it makes the answer its D-TA's own, with the place of the
 * record in its log. The approvals in it are signatures of another kind, over entitlements.
 * @module
 */
import { signStatement } from "@milagro/crypto/bls";
import type { MasterSecretShare } from "@milagro/crypto/master-secret";
import type { Engine } from "@milagro/engine/engine";
import { type ApprovedAnswer, encodeApprovedAnswer } from "./attribute-messages.ts";
import { statementBytes } from "./statement.ts";

/** What is signed of the answer to the first round. */
export function approvedStatement(answer: ApprovedAnswer | Omit<ApprovedAnswer, "signature">): Uint8Array {
  const { signature: _, ...body } = encodeApprovedAnswer({ ...answer, signature: new Uint8Array(48) });
  return statementBytes("approval", body);
}

/** Signs the answer to the first round. */
export const signApproved = (
  engine: Engine,
  statement: MasterSecretShare<"statement">,
  answer: Omit<ApprovedAnswer, "signature">,
): ApprovedAnswer => ({ ...answer, signature: signStatement(engine, statement, approvedStatement(answer)) });
