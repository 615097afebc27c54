/**
 * What updates this browser's tokens after a rotation: fetched by the login when the server says that a token is of an earlier master.
 * @module
 */
import { tokenUpdater } from "@milagro/client/mpin-token-update";
import { wholeEngine } from "./whole-engine.ts";

export const updateAccount = tokenUpdater(wholeEngine);
