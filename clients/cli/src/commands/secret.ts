/**
 * `milagro secret …`: secrets in the D-KMS, encapsulated and opened here.
 * @module
 */
import type { CommandGroup } from "../command.ts";
import { secretGenerate } from "./secret-generate.ts";
import { secretGet } from "./secret-get.ts";
import { secretImport } from "./secret-import.ts";
import { secretList } from "./secret-list.ts";
import { secretPut } from "./secret-put.ts";
import { secretRemove } from "./secret-rm.ts";
import { secretRotate } from "./secret-rotate.ts";
import { secretVersions } from "./secret-versions.ts";

export const secret: CommandGroup = {
  name: "secret",
  summary: "put, get, rotate and list secrets",
  commands: [
    secretPut,
    secretImport,
    secretGenerate,
    secretGet,
    secretList,
    secretVersions,
    secretRotate,
    secretRemove,
  ],
};
