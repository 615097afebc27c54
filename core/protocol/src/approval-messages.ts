/**
 * Requests of applications that wait for a user's approval (CIBA), as the login server's pages see them. One approves by a login of
 * purpose `interaction` with the request's id, whose payload is the message; one declines by `DELETE`.
 *
 *   GET    /v1/approvals          → ApprovalList
 *   DELETE /v1/approvals/:id      → Done
 * @module
 */
import { Type } from "typebox";
import { encoderOf, line, type Parsed, parserOf, strict, UnixSeconds, Version } from "./wire.ts";

/** What a request is called: in the path, and as the `uid` of the login that approves it. */
export const ApprovalName = Type.String({ pattern: "^ciba_[A-Za-z0-9_\\-]{22}$", description: "Random name" });

export const ApprovalListSchema = strict({
  v: Version,
  approvals: Type.Array(
    strict({
      id: ApprovalName,
      /** What the application calls itself. */
      client: line(255, "The application that asks"),
      message: Type.Optional(line(256, "What it asks to confirm")),
      expires: UnixSeconds,
    }),
    { maxItems: 16 },
  ),
});
export type ApprovalList = Parsed<typeof ApprovalListSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseApprovalList = parserOf("approvals", ApprovalListSchema);
export const encodeApprovalList = encoderOf("approvals", ApprovalListSchema);
