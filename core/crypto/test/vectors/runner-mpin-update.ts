/**
 * The operations of the vectors for another `mpin` master.
 * @module
 */
import { encodeHex } from "../../src/bytes.ts";
import { MilagroError } from "../../src/error.ts";
import { parsePublicShare } from "../../src/master-public.ts";
import { parseMasterSecretShare } from "../../src/master-secret.ts";
import { parseMpinInput } from "../../src/mpin-identity.ts";
import { encodeToken, parseToken } from "../../src/mpin-token.ts";
import { updateToken } from "../../src/mpin-token-making.ts";
import {
  combineTokenUpdateShares,
  encodeTokenUpdateShare,
  issueTokenUpdateShare,
  parseTokenUpdateShare,
  verifyTokenUpdateShare,
} from "../../src/mpin-update.ts";
import type { Operation } from "./runner.ts";

export const MPIN_UPDATE_OPERATIONS: Readonly<Record<string, Operation>> = {
  "mpin-issue-update": (engine, i) => {
    const master = (name: string) => parseMasterSecretShare(engine, "mpin", i.bytes(name));
    const masters = { before: master("secretBefore"), after: master("secretAfter") };
    const { share, proof } = issueTokenUpdateShare(engine, masters, parseMpinInput(engine, i.bytes("input")));
    return { share: encodeHex(encodeTokenUpdateShare(engine, share)), proof: encodeHex(proof) };
  },
  "mpin-verify-update": (engine, i) => {
    const key = (name: string) => parsePublicShare(engine, "mpin", i.bytes(name));
    const keys = { before: key("publicShareBefore"), after: key("publicShareAfter") };
    const share = parseTokenUpdateShare(engine, parseMpinInput(engine, i.bytes("input")), i.bytes("share"));
    if (!verifyTokenUpdateShare(engine, keys, share, i.bytes("proof")))
      throw new MilagroError("ERR_SHARE_INVALID", "the vector's check failed");
    return {};
  },
  "mpin-update-token": (engine, i) => {
    const input = parseMpinInput(engine, i.bytes("input"));
    const shares = i.bytesList("shares").map((bytes) => parseTokenUpdateShare(engine, input, bytes));
    const updated = updateToken(
      engine,
      parseToken(engine, input, i.bytes("token")),
      combineTokenUpdateShares(engine, shares),
    );
    return { token: encodeHex(encodeToken(engine, updated)) };
  },
};
