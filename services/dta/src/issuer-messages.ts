/**
 * What the main thread may ask of the issuer's worker thread, and what it gets. Everything here can be structured-cloned; nothing here is a master secret
 * or the HPKE private key: those never leave the worker. What comes from a requester or goes to one travels as the JSON that it is on the wire:
 * text costs a fraction of arrays of bytes, each of which is an allocation outside the heap on both sides.
 * @module
 */
import type { Epoch } from "@milagro/crypto/epoch";
import type { MpinIdentity } from "@milagro/crypto/mpin-identity";
import type { CeremonyState } from "@milagro/protocol/ceremony";
import type { CeremonyCommit, CeremonyReveal, CeremonySignature } from "@milagro/protocol/ceremony-messages";
import type { CredentialClaim } from "@milagro/protocol/channel-credential";
import type { SignedDescriptor } from "@milagro/protocol/descriptor";
import type { EmailCodeRequest } from "@milagro/protocol/email-code";
import type { FaultReport } from "@milagro/protocol/fault";
import type { OpenedRequest } from "@milagro/protocol/issuance";
import type {
  Evidence,
  IssuanceAnswerWire,
  SealedRequest,
  SealedRequestWire,
} from "@milagro/protocol/issuance-messages";
import type { PermitAnswer, PermitRequest } from "@milagro/protocol/permit-messages";
import type { RotationState } from "@milagro/protocol/rotation";
import type { RotationReveal } from "@milagro/protocol/rotation-messages";
import type { StatementKind } from "@milagro/protocol/statement";
import type { TokenUpdateAnswer, TokenUpdateRequest } from "@milagro/protocol/token-update-messages";
import type { LogFields } from "@milagro/runtime/log";

/** As `CeremonyEvent` and `RotationEvent`, but the worker makes this D-TA's own entry, or draws its own share. */
export type CeremonyStep<Reveal> =
  | { readonly type: "commit" }
  | { readonly type: "commitments"; readonly commitments: readonly CeremonyCommit[] }
  | { readonly type: "reveals"; readonly reveals: readonly Reveal[] }
  | { readonly type: "signatures"; readonly signatures: readonly CeremonySignature[] };

/** What a receipt says beside the request: the place of the record that is on disk. */
export interface RecordedIssuance {
  readonly opened: OpenedRequest;
  readonly policyVersion: number;
  readonly timeMs: number;
  readonly logIndex: number;
  readonly logHead: Uint8Array;
  /** Which share of the `mpin` master, by its public key, where the request is for one. */
  readonly mpinKey?: Uint8Array | undefined;
}

/** Name → [input, output]. */
export interface IssuerCalls {
  /** Opens the key store. The passphrase's bytes are the worker's to wipe. */
  unseal: [{ readonly file: string; readonly passphrase: Uint8Array }, null];
  /** Seals the key store under another passphrase, whether it is open or not. Both passphrases' bytes are the worker's to wipe. */
  reseal: [{ readonly file: string; readonly passphrase: Uint8Array; readonly next: Uint8Array }, null];
  /** Forgets the masters. */
  seal: [null, null];
  /** Verifies the descriptor of the domain that is served from now on. */
  trust: [
    { readonly genesis: SignedDescriptor; readonly signed: SignedDescriptor; readonly index: number },
    { readonly domainId: Uint8Array },
  ];
  /** Opens a sealed request. The evidence inside is a bearer secret: it goes back to the caller and nowhere else. */
  open: [SealedRequestWire, OpenedRequest];
  verifyRenewal: [
    { readonly opened: OpenedRequest; readonly evidence: Extract<Evidence, { type: "renewal" }> },
    boolean,
  ];
  /** Whether the device has signed the request of another one. */
  verifyApproval: [
    { readonly approver: MpinIdentity; readonly requestHash: Uint8Array; readonly signature: Uint8Array },
    boolean,
  ];
  /** Opens a sealed request for a code by e-mail. */
  openCodeRequest: [SealedRequest, EmailCodeRequest];
  /** Signs what proves this D-TA on a channel, and nothing that is not such a statement. @throws `ERR_SEALED` */
  channel: [{ readonly message: Uint8Array }, Uint8Array];
  /** Whether the other end of a channel is who it says. */
  verifyCredential: [CredentialClaim, boolean];
  /** Computes time permits with their proof. */
  permits: [{ readonly request: PermitRequest; readonly mpinKey: Uint8Array }, PermitAnswer];
  /** Whether the device has signed its request for a token update. */
  verifyTokenUpdate: [TokenUpdateRequest, boolean];
  /** Computes this D-TA's part of it, by two shares of the `mpin` master, and seals it to the device. */
  tokenUpdate: [
    { readonly request: TokenUpdateRequest; readonly before: Uint8Array; readonly after: Uint8Array },
    TokenUpdateAnswer,
  ];
  /** One step of a rotation; the first draws this D-TA's fresh share and seals it; after `reveals` also this member's signature. */
  rotation: [
    { readonly state: RotationState; readonly step: CeremonyStep<RotationReveal> },
    { readonly state: RotationState; readonly signature?: CeremonySignature },
  ];
  /** Verifies a later descriptor of the domain, with all signatures; `share`: whether this D-TA's share of its `mpin` master is here. @throws `ERR_SEALED` */
  verifyLater: [
    { readonly genesis: SignedDescriptor; readonly signed: SignedDescriptor; readonly mpinKey: Uint8Array },
    { readonly share: boolean },
  ];
  /** Forgets shares of the `mpin` master, by their public keys, also on disk. `heirs`: keys of those that go on, the oldest first. */
  forgetMaster: [{ readonly keys: readonly Uint8Array[]; readonly heirs: readonly Uint8Array[] }, null];
  /** Computes and seals the shares, signs the receipt. */
  issue: [RecordedIssuance, IssuanceAnswerWire];
  /** The first round for attribute keys: signs the approvals. */
  approve: [RecordedIssuance, IssuanceAnswerWire];
  /** Whether a request holds the approvals of all D-TAs for it. */
  verifyApprovals: [{ readonly opened: OpenedRequest }, boolean];
  /** The second round: checks the approvals once more, computes and seals the shares, signs the receipt. */
  issueAttributes: [RecordedIssuance, IssuanceAnswerWire];
  /** The share of an epoch's own `enc` key, 48 bytes. Whether it may leave is the caller's to decide. */
  epochShare: [{ readonly epoch: Epoch }, Uint8Array];
  /** Signs a refusal. */
  refuse: [
    { readonly requestHash: Uint8Array; readonly code: string; readonly detail: string; readonly timeMs: number },
    IssuanceAnswerWire,
  ];
  /** Signs a statement; `body` is its wire form without the signature. */
  sign: [{ readonly kind: StatementKind; readonly body: unknown }, Uint8Array];
  /** Whether a statement is this D-TA's own. Needs no secrets. */
  verifyOwn: [{ readonly kind: StatementKind; readonly body: unknown; readonly signature: Uint8Array }, boolean];
  /** A token for connecting to the bus as this D-TA. */
  busToken: [{ readonly nowMs: number }, string];
  /** One step of the ceremony; after `reveals` also this member's signature. */
  ceremony: [
    { readonly state: CeremonyState; readonly step: CeremonyStep<CeremonyReveal> },
    { readonly state: CeremonyState; readonly signature?: CeremonySignature },
  ];
}

export type IssuerCall = keyof IssuerCalls;

/** A call on its way in. Calls and replies travel in arrays, in order. */
export interface IssuerRequest<C extends IssuerCall = IssuerCall> {
  readonly id: number;
  readonly call: C;
  readonly input: IssuerCalls[C][0];
}

/** A result on its way out. Of an error that is not a `MilagroError` only the name travels: its message may quote input. */
export type IssuerReply =
  | { readonly id: number; readonly ok: true; readonly output: unknown }
  | {
      readonly id: number;
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      readonly report: FaultReport;
      /** For the log, when it was not a `MilagroError`. */
      readonly fields?: LogFields;
    };
