/**
 * The D-KMS's own enrolment at the D-TAs themselves, over channels: its keys are what the bus needs to prove itself, so they cannot come over it.
 * @module
 */
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { encodeSealedRequest, type SealedRequest } from "@milagro/protocol/issuance-messages";
import { parseProblem } from "@milagro/protocol/problem";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import type { HttpPort } from "@milagro/runtime/http-port";

const TIMEOUT_MS = 15_000;

/**
 * One answer of each D-TA, as JSON text, in their order.
 * @throws `ERR_UNREACHABLE` or `ERR_TIMEOUT` when one of them cannot be reached this way; a D-TA's own error
 */
export function askDtas(
  http: HttpPort,
  domain: TrustDomain,
  requests: readonly SealedRequest[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  return Promise.all(
    requests.map(async (request) => {
      const { status, body } = await http({
        method: "POST",
        url: `${domain.authorities[request.index - 1]?.entry.url}/v1/issue`,
        headers: { "content-type": "application/json" },
        body: utf8(JSON.stringify(encodeSealedRequest(request))),
        timeoutMs: TIMEOUT_MS,
        idempotent: true,
        signal,
      });
      if (status === 200) return parseUtf8(body);
      throw new MilagroError(
        problemCode(body) ?? "ERR_PEER_INVALID",
        `D-TA ${request.index} gave no answer (status ${status})`,
      );
    }),
  );
}

function problemCode(body: Uint8Array): string | undefined {
  try {
    return parseProblem(JSON.parse(parseUtf8(body))).code;
  } catch {
    return undefined;
  }
}
