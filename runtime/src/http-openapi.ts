/**
 * What routes have in common in an OpenAPI document: their problems by status, examples, and `?wait=`.
 * @module
 */
import { definitionOf, type ErrorCode } from "@milagro/protocol/error-codes";
import { PROBLEM_CONTENT_TYPE, ProblemSchema } from "@milagro/protocol/problem";
import Type, { type TSchema } from "typebox";

interface ProblemResponse {
  readonly description: string;
  readonly content: Readonly<Record<string, { readonly schema: TSchema; readonly examples: object }>>;
}

/** The problem responses of a route, from the codes it may answer with: one entry per status, one example per code. */
export function problems(...codes: readonly ErrorCode[]): Record<number, ProblemResponse> {
  const byStatus = Map.groupBy(codes, (code) => definitionOf(code).status);
  return Object.fromEntries(
    [...byStatus].map(([status, these]) => [
      status,
      {
        description: these.map((code) => `${code}: ${definitionOf(code).meaning}`).join("\n\n"),
        content: {
          [PROBLEM_CONTENT_TYPE]: {
            schema: ProblemSchema,
            examples: Object.fromEntries(
              these.map((code) => [
                code,
                {
                  value: {
                    type: `urn:milagro:error:${code}`,
                    title: definitionOf(code).meaning,
                    status,
                    detail: definitionOf(code).remedy,
                    code,
                    instance: "hXk2mZr0a1b2c3d4",
                  },
                },
              ]),
            ),
          },
        },
      },
    ]),
  );
}

/** A schema with an example of it, for documents; validation is the same. */
export function withExample<S extends TSchema>(schema: S, example: object): S {
  return { ...schema, examples: [example] };
}

/** `?wait=`: seconds to wait for news. */
export const WaitSeconds = Type.Optional(
  Type.Integer({ minimum: 0, maximum: 30, description: "Seconds to wait for something new; 0 answers at once" }),
);
