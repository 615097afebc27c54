/**
 * This D-TA on the domain's bus: one outbound connection, so it can stand behind a firewall with no port open. It is there exactly while it can answer (a domain,
 * unsealed): whoever relays requests sends again, on its return, what it has not answered. Answers need no memory here, because issuing is idempotent.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import {
  answersTopic,
  type BusAnswerWire,
  encodeBusAnswer,
  parseBusRequest,
  requestsTopic,
} from "@milagro/protocol/bus-messages";
import { formatBusSubject } from "@milagro/protocol/bus-token";
import {
  encodeSealedRequest,
  type IssuanceAnswerWire,
  type SealedRequestWire,
} from "@milagro/protocol/issuance-messages";
import { problemOf } from "@milagro/protocol/problem";
import { parseJson } from "@milagro/protocol/wire";
import { type Bus, connectBus } from "@milagro/runtime/bus";
import { errorFields } from "@milagro/runtime/log";
import type { DtaChannels } from "./channels.ts";
import type { DtaContext, FoundedDomain } from "./context.ts";

export interface BusWorker {
  /** "none" while there is nothing to connect for. */
  readonly state: "none" | "connecting" | "connected" | "closed";
  /** Where the bus is; undefined while there is nothing to connect for. */
  readonly url: string | undefined;
  close(): Promise<void>;
}

export function startBusWorker(
  context: DtaContext,
  issue: (sealed: SealedRequestWire) => Promise<IssuanceAnswerWire>,
  channels: DtaChannels,
): BusWorker {
  const { issuer, now, listeners, log } = context;
  let bus: Bus | undefined;
  let last: Promise<void> = Promise.resolve();
  let closed = false;

  async function adjust(): Promise<void> {
    const { domain } = now;
    const url = domain === undefined ? undefined : busUrlOf(context, domain);
    const wanted = !closed && domain !== undefined && url !== undefined && !issuer.sealed;
    if (wanted && bus === undefined) {
      bus = await join(context, domain, url, issue, channels);
    } else if (!wanted && bus !== undefined) {
      const leaving = bus;
      bus = undefined;
      await leaving.close();
    }
  }

  const changed = (): void => {
    last = last
      .then(adjust)
      .catch((error: unknown) => log.error("joining or leaving the bus failed", errorFields(error)));
  };
  listeners.add(changed);
  changed();
  return {
    get state() {
      return bus?.state ?? "none";
    },
    get url() {
      return bus && now.domain ? busUrlOf(context, now.domain) : undefined;
    },
    close: async () => {
      closed = true;
      listeners.delete(changed);
      changed();
      await last;
    },
  };
}

/** The setting wins over the descriptor: a D-TA may see the bus under another address than others do. */
function busUrlOf({ config }: DtaContext, { signed }: FoundedDomain): string | undefined {
  if (config.busUrl !== undefined) return config.busUrl === "none" ? undefined : config.busUrl;
  return signed.descriptor.kms?.busUrl;
}

async function join(
  context: DtaContext,
  domain: FoundedDomain,
  url: string,
  issue: (sealed: SealedRequestWire) => Promise<IssuanceAnswerWire>,
  channels: DtaChannels,
): Promise<Bus> {
  const { issuer, log, clock } = context;
  const { domainId, index } = domain;
  const subject = formatBusSubject({ kind: "dta", index });
  const bus = connectBus({
    url,
    log,
    connector: channels.connector,
    credentials: { subject, token: () => issuer.call("busToken", { nowMs: clock() }) },
  });
  const topic = answersTopic(domainId, index);
  const answer = async (payload: Uint8Array): Promise<void> => {
    const request = readRequest(payload);
    if (request === undefined)
      return log.warn("unreadable message on the bus", { topic: requestsTopic(domainId, index) });
    const outcome = await issue(encodeSealedRequest(request.request)).then(
      (issued): BusAnswerWire => ({ v: 1, id: request.id, index, answer: issued }),
      (error: unknown): BusAnswerWire => {
        if (!(error instanceof MilagroError)) log.error("issuing failed", errorFields(error));
        return encodeBusAnswer({ v: 1, id: request.id, index, problem: problemOf(error) });
      },
    );
    await bus.publish(topic, new TextEncoder().encode(JSON.stringify(outcome)));
  };
  // Not awaited: the bus delivers one message after the other, and the issuer has its own queue.
  await bus.subscribe(requestsTopic(domainId, index), (payload) => {
    answer(payload).catch((error: unknown) => log.warn("answering over the bus failed", errorFields(error)));
  });
  return bus;
}

function readRequest(payload: Uint8Array): ReturnType<typeof parseBusRequest> | undefined {
  try {
    return parseBusRequest(parseJson(new TextDecoder("utf-8", { fatal: true }).decode(payload)));
  } catch {
    return undefined;
  }
}
