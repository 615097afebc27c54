/**
 * Who a client of the domain's services is on its channels. Towards the bus it is its identity, once it has keys; towards everybody else it is
 * nobody: what is asked there carries its own signature or evidence, and a second one would only cost time.
 * @module
 */
import type { Connector } from "../connector.ts";
import { anonymousSelf, identitySelf, type SelfDeps, type SigningKeys } from "./self.ts";
import { type ServiceDomain, serviceConnector } from "./service-connector.ts";

export interface ClientConnectors {
  /** For HTTP. */
  readonly http: Connector;
  /** For the bus. @throws `ERR_KEY_MISSING` when it is opened before there are keys */
  readonly bus: Connector;
}

/** @param domain - as it is known now: addresses may change */
export function clientConnectors(
  deps: SelfDeps & { readonly keys: SigningKeys },
  domain: () => ServiceDomain,
): ClientConnectors {
  const nobody = anonymousSelf(deps);
  const somebody = identitySelf(deps);
  return {
    http: serviceConnector({ domain, self: () => nobody }),
    bus: serviceConnector({ domain, self: () => somebody }),
  };
}
