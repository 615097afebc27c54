/**
 * Registration of a device at the login server: the receipts of all D-TAs for exactly this identity and the user's own key,
 * so that the server pins what every D-TA has issued for, on evidence that each of them checked itself.
 *
 *   POST /v1/registrations       Registration → Registered            The same registration again gets the same answer.
 * @module
 */
import { Type } from "typebox";
import { DvsClaimSchema, ReceiptSchema } from "./issuance-messages.ts";
import { DeviceLabel, DeviceSchema } from "./login-messages.ts";
import { encoderOf, IdentityText, MAX_AUTHORITIES, type Parsed, parserOf, strict, Version } from "./wire.ts";

/** Body of `POST /v1/registrations`: one receipt of each D-TA, in any order. */
export const RegistrationSchema = strict({
  v: Version,
  identity: IdentityText,
  receipts: Type.Array(ReceiptSchema, { minItems: 1, maxItems: MAX_AUTHORITIES }),
  dvs: DvsClaimSchema,
  label: DeviceLabel,
});
export type Registration = Parsed<typeof RegistrationSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseRegistration = parserOf("registration", RegistrationSchema);
export const encodeRegistration = encoderOf("registration", RegistrationSchema);

/** Answer to it. */
export const RegisteredSchema = strict({ v: Version, device: DeviceSchema });
export type Registered = Parsed<typeof RegisteredSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseRegistered = parserOf("registered", RegisteredSchema);
export const encodeRegistered = encoderOf("registered", RegisteredSchema);
