/**
 * What an endpoint says about itself on its local socket. Names and numbers, no values.
 * @module
 */
import { encoderOf, IdentityText, type Parsed, parserOf, strict, Version, type Wire } from "@milagro/protocol/wire";
import Type from "typebox";

const Text = Type.String({ maxLength: 1024 });
const Count = Type.Integer({ minimum: 0 });

export const EndpointStatusSchema = strict({
  v: Version,
  identity: IdentityText,
  domain: Text,
  domainId: Text,
  /** Number of the newest descriptor that was proved. */
  descriptor: Count,
  /** `enrolling`: no keys of this epoch; secrets that are here are served all the same. */
  state: Type.Union([Type.Literal("enrolling"), Type.Literal("serving")]),
  epoch: Count,
  keys: Type.Array(strict({ usage: Text, epoch: Count })),
  bus: Type.Union([
    Type.Literal("none"),
    Type.Literal("connecting"),
    Type.Literal("connected"),
    Type.Literal("closed"),
  ]),
  cursor: Count,
  secrets: Type.Array(
    strict({
      path: Text,
      version: Count,
      author: Text,
      state: Type.Union([Type.Literal("open"), Type.Literal("locked")]),
    }),
  ),
  files: Type.Array(
    strict({
      path: Text,
      state: Type.Union([Type.Literal("written"), Type.Literal("waiting"), Type.Literal("failed")]),
      code: Type.Optional(Text),
    }),
  ),
  refused: Type.Array(strict({ path: Text, version: Count, code: Text, time: Count })),
  /** What goes wrong at the moment: a code and a sentence. */
  problems: Type.Array(strict({ part: Text, code: Text, message: Text })),
});
export type EndpointStatus = Wire<typeof EndpointStatusSchema>;
export type ParsedEndpointStatus = Parsed<typeof EndpointStatusSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseEndpointStatus = parserOf("endpoint status", EndpointStatusSchema);
export const encodeEndpointStatus = encoderOf("endpoint status", EndpointStatusSchema);
