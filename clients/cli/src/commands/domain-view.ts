/**
 * How a domain is shown.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { formatDomainId } from "@milagro/crypto/domain-id";
import { epochAt } from "@milagro/crypto/epoch";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { systemClock } from "@milagro/runtime/clock";
import type { Result } from "../output.ts";

export function describeDomain(domain: TrustDomain): Result {
  const { descriptor } = domain;
  const members = descriptor.authorities.map(({ index, name, operator, jurisdiction, url }) => ({
    index,
    name,
    operator,
    jurisdiction,
    url,
  }));
  const data = {
    name: domain.name,
    domainId: formatDomainId(domain.domainId),
    suite: descriptor.suite,
    epochSeconds: domain.epochSeconds,
    epoch: epochAt(systemClock(), domain.epochSeconds),
    sequence: descriptor.sequence,
    descriptorHash: encodeBase64url(domain.hash),
    ...(descriptor.kms
      ? {
          kms: {
            url: descriptor.kms.url,
            ...(descriptor.kms.busUrl === undefined ? {} : { busUrl: descriptor.kms.busUrl }),
          },
        }
      : {}),
    authorities: members,
  };
  return {
    data,
    view: {
      kind: "fields",
      fields: [
        ["domain", data.name],
        ["domain id", data.domainId],
        ["epochs", `${data.epochSeconds} s, now ${data.epoch}`],
        ["descriptor", `number ${data.sequence}, signed by all ${members.length}`],
        ...members.map(
          ({ index, name, operator, jurisdiction, url }) =>
            [`D-TA ${index}`, `${name} (${operator}, ${jurisdiction}) ${url}`] as const,
        ),
        ...(descriptor.kms
          ? [["D-KMS", descriptor.kms.url] as const, ["bus", descriptor.kms.busUrl ?? "none"] as const]
          : []),
      ],
    },
  };
}
