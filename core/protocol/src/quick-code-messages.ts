/**
 * QuickCode: a further device, approved on one that the user has. The code brings the two together; what convinces the D-TAs is
 * the old device's signature and the login server's approval, both over the new device's request. That it is this request, and no
 * other, the person sees by a number which both devices compute (`quick-code-number.ts`).
 *
 *   old  POST /v1/quick-codes                     Empty → QuickCode                  logged in
 *   new  POST /v1/quick-codes/claims              QuickCodeClaim → QuickCodeClaimed  commits to claim, label and a nonce
 *   old  GET  /v1/quick-codes/:id?wait=           → QuickCodeView `claimed`          logged in
 *   old  POST /v1/quick-codes/:id/challenges      QuickCodeNonce → Done              once
 *   new  GET  /v1/quick-codes/claims/:id?wait=    → QuickCodeState `challenged`
 *   new  POST /v1/quick-codes/claims/:id/openings QuickCodeNonce → Done              once; it shows the number
 *   old  GET  /v1/quick-codes/:id?wait=           → QuickCodeView `opened`           shows label and numbers to pick from
 *   old  login with purpose `quick-code`          payload: request hash, label
 *   old  POST /v1/quick-codes/:id/approvals       QuickCodeApproval → Done           or …/refusals Empty → Done
 *   new  GET  /v1/quick-codes/claims/:id?wait=    → QuickCodeState                   evidence of type `device`, when approved
 * @module
 */
import { Type } from "typebox";
import { IssuanceClaimSchema } from "./issuance-messages.ts";
import { DeviceLabel, SecretName, UserName } from "./login-messages.ts";
import { QUICK_CODE_NONCE } from "./quick-code-number.ts";
import { ShortCodeText } from "./short-code.ts";
import { bytes, encoderOf, Hash, IdentityText, type Parsed, parserOf, strict, UnixSeconds, Version } from "./wire.ts";

/** Answer of `POST /v1/quick-codes`. */
export const QuickCodeSchema = strict({ v: Version, id: SecretName, code: ShortCodeText, expires: UnixSeconds });
export type QuickCode = Parsed<typeof QuickCodeSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseQuickCode = parserOf("QuickCode", QuickCodeSchema);
export const encodeQuickCode = encoderOf("QuickCode", QuickCodeSchema);

/** Body of `POST /v1/quick-codes/claims`: the new device's claim is the one that its sealed requests to the D-TAs will hold. */
export const QuickCodeClaimSchema = strict({
  v: Version,
  code: ShortCodeText,
  user: UserName,
  claim: IssuanceClaimSchema,
  label: DeviceLabel,
  commitment: Hash,
});
export type QuickCodeClaim = Parsed<typeof QuickCodeClaimSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseQuickCodeClaim = parserOf("QuickCode claim", QuickCodeClaimSchema);
export const encodeQuickCodeClaim = encoderOf("QuickCode claim", QuickCodeClaimSchema);

/** Answer to it. `id` names this claim, and only the new device knows it. */
export const QuickCodeClaimedSchema = strict({ v: Version, id: SecretName, expires: UnixSeconds });
export type QuickCodeClaimed = Parsed<typeof QuickCodeClaimedSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseQuickCodeClaimed = parserOf("QuickCode claimed", QuickCodeClaimedSchema);
export const encodeQuickCodeClaimed = encoderOf("QuickCode claimed", QuickCodeClaimedSchema);

/** Body of `POST /v1/quick-codes/:id/challenges` and `POST /v1/quick-codes/claims/:id/openings`: each device's own nonce. */
export const QuickCodeNonceSchema = strict({ v: Version, nonce: bytes(QUICK_CODE_NONCE, "Random nonce") });
export type QuickCodeNonce = Parsed<typeof QuickCodeNonceSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseQuickCodeNonce = parserOf("QuickCode nonce", QuickCodeNonceSchema);
export const encodeQuickCodeNonce = encoderOf("QuickCode nonce", QuickCodeNonceSchema);

const claimed = { claim: IssuanceClaimSchema, label: DeviceLabel, commitment: Hash };

/** What the old device sees. */
export const QuickCodeViewSchema = Type.Union([
  strict({ v: Version, state: Type.Enum(["open", "approved", "refused"]), expires: UnixSeconds }),
  strict({ v: Version, state: Type.Enum(["claimed", "challenged"]), expires: UnixSeconds, ...claimed }),
  strict({
    v: Version,
    state: Type.Literal("opened"),
    expires: UnixSeconds,
    ...claimed,
    nonce: bytes(QUICK_CODE_NONCE, "What the new device has committed to"),
  }),
]);
export type QuickCodeView = Parsed<typeof QuickCodeViewSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseQuickCodeView = parserOf("QuickCode view", QuickCodeViewSchema);
export const encodeQuickCodeView = encoderOf("QuickCode view", QuickCodeViewSchema);

/** Body of `POST /v1/quick-codes/:id/approvals`. `session` is that of the accepted login with purpose `quick-code`. */
export const QuickCodeApprovalSchema = strict({
  v: Version,
  session: SecretName,
  signature: bytes(96, "Identity signature over the request hash"),
});
export type QuickCodeApproval = Parsed<typeof QuickCodeApprovalSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseQuickCodeApproval = parserOf("QuickCode approval", QuickCodeApprovalSchema);
export const encodeQuickCodeApproval = encoderOf("QuickCode approval", QuickCodeApprovalSchema);

/** What the new device sees. */
export const QuickCodeStateSchema = Type.Union([
  strict({ v: Version, state: Type.Enum(["waiting", "refused"]), expires: UnixSeconds }),
  strict({
    v: Version,
    state: Type.Literal("challenged"),
    expires: UnixSeconds,
    nonce: bytes(QUICK_CODE_NONCE, "Nonce of the old device"),
  }),
  strict({
    v: Version,
    state: Type.Literal("approved"),
    device: IdentityText,
    signature: bytes(96, "Identity signature of the old device"),
    approval: Type.String({
      maxLength: 2048,
      pattern: "^[A-Za-z0-9_\\-]+\\.[A-Za-z0-9_\\-]+\\.[A-Za-z0-9_\\-]+$",
      description: "JWT of the login server",
    }),
  }),
]);
export type QuickCodeState = Parsed<typeof QuickCodeStateSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseQuickCodeState = parserOf("QuickCode state", QuickCodeStateSchema);
export const encodeQuickCodeState = encoderOf("QuickCode state", QuickCodeStateSchema);
