/**
 * `milagro attributes schema`: fetches the domain's attribute schema and keeps it.
 * @module
 */
import type { LabelType } from "@milagro/crypto/attribute-schema";
import { newestSchema } from "../attribute-schema.ts";
import type { CommandSpec } from "../command.ts";
import { DOMAIN_OPTION } from "../options.ts";
import type { Json } from "../output.ts";
import { withClient } from "../session.ts";

export const attributesSchema: CommandSpec = {
  name: "schema",
  summary: "fetch the attribute schema of the domain from all its D-TAs, check it and keep it",
  details:
    "A schema counts when all D-TAs have signed the same one. An older one than was seen before is refused. Policies are checked against\nthe kept one, offline.",
  options: [DOMAIN_OPTION],
  examples: [{ text: "What can policies speak about?", line: "milagro attributes schema" }],
  async run(context) {
    return withClient(context, undefined, async (deps) => {
      const { version, schema, signed } = await context.progress("asking the D-TAs", newestSchema(context, deps));
      const labels = [...schema.labels].map(([label, type]) => [label, describeType(type)] as const);
      return {
        data: { domain: deps.domain.name, version, schema: signed.schema as unknown as Json },
        view: {
          kind: "rows",
          columns: ["label", "values"],
          rows: labels.map(([label, text]) => [label, text]),
          empty: "",
        },
      };
    });
  },
};

function describeType(type: LabelType): string {
  if (type.kind === "date") return "a date, YYYY-MM-DD";
  if (type.kind === "integer") return `0 to ${2 ** type.width - 1}`;
  const count = type.values === "one" ? "one text" : "texts";
  const allowed = type.allowed ? `: ${[...type.allowed].join(", ")}` : "";
  return `${count}${type.negatable ? ", can be negated" : ""}${allowed}`;
}
