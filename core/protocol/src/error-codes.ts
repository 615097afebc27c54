/**
 * The one table of error codes. `code` is API: people search for it, programs branch on it; docs/errors.md is made
 * from here, and it is long because it is a table. `exit`: 1 something local, 2 something remote, 3 refused by somebody's policy.
 * @module
 */

/** What one code means to HTTP, to a shell and to a person. */
export interface ErrorDefinition {
  /** HTTP status when a service answers with it. */
  readonly status: number;
  /** Exit status of `milagro`: 1 local, 2 remote, 3 refused by policy. */
  readonly exit: 1 | 2 | 3;
  readonly meaning: string;
  readonly remedy: string;
}

const define = (status: number, exit: 1 | 2 | 3, meaning: string, remedy: string): ErrorDefinition => ({
  status,
  exit,
  meaning,
  remedy,
});

/** Sorted by area, then by name. */
export const ERROR_CODES = {
  // What came in
  ERR_BODY_TOO_LARGE: define(
    413,
    1,
    "The request is larger than this service accepts.",
    "Send less; files are encrypted locally with `milagro encrypt`.",
  ),
  ERR_DOMAIN_ID_INVALID: define(
    400,
    1,
    "Text or bytes are not a domain id.",
    "A domain id is 32 bytes, 43 characters of base64url.",
  ),
  ERR_CONTENT_TYPE_INVALID: define(415, 1, "The body is not application/json.", "Send JSON with that content type."),
  ERR_ENCODING_INVALID: define(
    400,
    1,
    "Bytes are not canonical base64url.",
    "Use the URL-safe alphabet, without padding or stray bits.",
  ),
  ERR_EPOCH_INVALID: define(
    400,
    1,
    "An epoch is not a non-negative whole number.",
    "Take the epoch from the domain: `milagro status`.",
  ),
  ERR_IDENTITY_INVALID: define(
    400,
    1,
    "Text is not an identity.",
    "Write milagro:<domain>/<kind>/<name> in NFC, at most 255 bytes.",
  ),
  ERR_IDENTITY_PATTERN_INVALID: define(
    400,
    1,
    "Text is not a pattern over identities.",
    "Write an identity whose kind may be `*` and whose segments may end in `*`, the last be `**`.",
  ),
  ERR_MESSAGE_INVALID: define(
    400,
    1,
    "A message is not of the form its schema demands.",
    "The detail names the place; compare with /openapi.json.",
  ),
  ERR_METHOD_NOT_ALLOWED: define(
    405,
    1,
    "This path does not know this method.",
    "See /openapi.json for the methods of each path.",
  ),
  ERR_NOT_FOUND: define(404, 1, "There is nothing at this path.", "Check the path against /openapi.json."),
  ERR_PATH_INVALID: define(
    400,
    1,
    "Text is not a secret path or a path pattern.",
    "Use segments of letters, digits, `.`, `_`, `-` joined by `/`, at most 200 characters.",
  ),
  ERR_POINT_INVALID: define(
    400,
    1,
    "Bytes are not a point of the prime-order group.",
    "The sender is faulty or hostile; do not retry.",
  ),
  ERR_ROUTE_UNKNOWN: define(404, 1, "The service has no such route.", "Compare method and path with /openapi.json."),
  ERR_SCALAR_INVALID: define(
    400,
    1,
    "Bytes are not a scalar in [1, r).",
    "The sender is faulty or the key material is damaged.",
  ),
  ERR_SCHEME_INVALID: define(400, 1, "Text is not the name of a scheme.", "Use one of id, mpin, cp, kp, statement."),
  ERR_USAGE_INVALID: define(
    400,
    1,
    "Text is not a key usage.",
    "Use one of enc, sig, kex, mpin, mpin-server; in a policy also permit.",
  ),
  ERR_VERSION_UNSUPPORTED: define(400, 1, "The peer speaks another version of the protocol.", "Update the older side."),

  // Keys and ciphertexts
  ERR_APPROVAL_MISSING: define(
    403,
    3,
    "Not all D-TAs of the domain have approved this entitlement to an attribute key.",
    "Collect the approval of every D-TA for the same identity, attributes and epoch, then ask again.",
  ),
  ERR_ATTRIBUTE_INVALID: define(
    400,
    1,
    "An attribute has an unknown label or a value its label does not allow.",
    "Compare it with the attribute schema of the domain.",
  ),
  ERR_ATTRIBUTE_KEY_INVALID: define(
    400,
    1,
    "Bytes are not an attribute key or share of this scheme.",
    "They were cut short or damaged; have the key issued again.",
  ),
  ERR_ATTRIBUTE_SCHEMA_DIFFERS: define(
    409,
    2,
    "The D-TAs do not publish one attribute schema.",
    "Their operators agree on it: the same schema under the same version in each policy.",
  ),
  ERR_ATTRIBUTE_SCHEMA_FORGED: define(
    422,
    1,
    "An attribute schema is not to be believed: a wrong signature, or an older one than was seen before.",
    "Fetch it again with `milagro attributes schema`; if it stays, ask the domain's operators.",
  ),
  ERR_ATTRIBUTE_SCHEMA_INVALID: define(
    400,
    1,
    "The attribute schema is malformed.",
    "See what a schema looks like in docs/spec/policy.md.",
  ),
  ERR_ATTRIBUTE_SCHEMA_UNKNOWN: define(
    404,
    2,
    "There is no attribute schema of this domain: its D-TAs publish none, or none was fetched.",
    "Fetch it with `milagro attributes schema`; an operator sets it with `milagro dta policy`.",
  ),
  ERR_CIPHERTEXT_INVALID: define(
    400,
    1,
    "An encapsulation is malformed: an impossible length, or contents that do not fit together.",
    "It was cut short or damaged; fetch it again from its source.",
  ),
  ERR_DECAPSULATION_FAILED: define(
    422,
    1,
    "The ciphertext does not open with this key.",
    "Check identity, epoch and domain of the recipient; else it was altered.",
  ),
  ERR_ENTITLEMENT_INVALID: define(
    400,
    1,
    "An entitlement to an attribute key is malformed or contradicts itself.",
    "It names one identity and one epoch, which are also its uid and epoch.",
  ),
  ERR_ENTITLEMENT_REFUSED: define(
    403,
    3,
    "This D-TA does not know the identity to have these attributes, or to be allowed this policy.",
    "Ask for less (`milagro attributes request`), or have its operator or a registrar add what is missing.",
  ),
  ERR_ENVELOPE_CORRUPT: define(
    422,
    1,
    "An encrypted file was changed or cut short after its header.",
    "Discard what was written; fetch the file again from its source.",
  ),
  ERR_ENVELOPE_INVALID: define(
    400,
    1,
    "An envelope or encrypted file is malformed, truncated or altered.",
    "Fetch it again from its source.",
  ),
  ERR_ENVELOPE_TOO_LARGE: define(
    413,
    1,
    "A secret is larger than an envelope holds (1 MiB).",
    "Encrypt it as a file: `milagro encrypt`.",
  ),
  ERR_HPKE_KEY_INVALID: define(
    400,
    1,
    "Bytes are not a usable X25519 key.",
    "The sender is faulty or hostile; do not retry.",
  ),
  ERR_HPKE_OPEN_FAILED: define(
    422,
    1,
    "A sealed message is for another key or purpose, or was changed on the way.",
    "Check that both sides hold the same descriptor; then send it again.",
  ),
  ERR_KEY_MISSING: define(
    404,
    1,
    "There is no identity key for this identity, usage and epoch.",
    "Enrol: `milagro enrol --id milagro:<domain>/<kind>/<name> --evidence @tokens`; `--home` names another profile.",
  ),
  ERR_NOT_RECIPIENT: define(
    422,
    1,
    "It was sealed in another domain, or not to this identity in this epoch.",
    "Use the key of an identity and epoch that the envelope lists.",
  ),
  ERR_LOGIN_MISMATCH: define(
    409,
    3,
    "The login server names another place, user or matter than the device knows; it got no answer.",
    "Do not enter the PIN again; somebody may be in between.",
  ),
  ERR_LOGIN_REFUSED: define(
    401,
    3,
    "A login was refused; nothing says which part of it was wrong.",
    "Try the PIN again, with care: attempts are counted.",
  ),
  ERR_PIN_INVALID: define(400, 1, "A PIN is not 4 to 8 digits.", "Choose 4 to 8 digits."),
  ERR_POLICY_INVALID: define(
    400,
    1,
    "Text is not a policy over attributes.",
    "The message names line and column; docs/spec/policy.md has the grammar.",
  ),
  ERR_POLICY_UNSATISFIED: define(
    403,
    3,
    "The attributes do not satisfy the policy, or belong to another epoch.",
    "`milagro policy explain` shows what is missing.",
  ),
  ERR_PUBLIC_KEY_INVALID: define(
    400,
    1,
    "A public key is zero, repeated, inconsistent or cancels the others.",
    "Do not found or use this domain; one member is faulty or hostile.",
  ),
  ERR_RECIPIENTS_INVALID: define(
    400,
    1,
    "A list of recipients is empty, too long or repeats one.",
    "Address 1 to 1024 different identities.",
  ),
  ERR_SHARE_INVALID: define(
    502,
    2,
    "A D-TA issued a wrong share; the error names it and carries its signed receipt.",
    "Show the receipt to that D-TA's operator; enrol again once it is repaired.",
  ),
  ERR_UNSIGNCRYPT_FAILED: define(
    422,
    1,
    "The message is not for this key, was changed, or was not written by whom it names.",
    "Check recipient, epoch and domain; ask the sender to send it again.",
  ),

  // Domains and ceremonies
  ERR_CEREMONY_FAULT: define(
    409,
    2,
    "A member broke the ceremony; the error names it.",
    "Settle it with that member and start a new ceremony.",
  ),
  ERR_CEREMONY_STATE: define(
    409,
    1,
    "The ceremony is not in the state this step needs.",
    "Ask for its state and repeat the step that is due.",
  ),
  ERR_CEREMONY_UNKNOWN: define(
    404,
    1,
    "This D-TA's operator has not approved such a ceremony.",
    "Each operator approves the same proposal first.",
  ),
  ERR_DESCRIPTOR_FORGED: define(
    422,
    2,
    "A proof or signature of the domain descriptor is wrong.",
    "Do not use it; fetch the descriptor from another member and compare.",
  ),
  ERR_DESCRIPTOR_PIN: define(
    422,
    2,
    "The domain is not the one that was pinned.",
    "Compare the domain id out of band with the operators.",
  ),
  ERR_DESCRIPTOR_STALE: define(
    409,
    2,
    "The descriptor is older than one already seen.",
    "Fetch the newest descriptor; somebody may be replaying an old one.",
  ),
  ERR_DOMAIN_MISMATCH: define(
    409,
    1,
    "A message belongs to another trust domain.",
    "Use the descriptor of the domain that the message names.",
  ),
  ERR_DOMAIN_UNKNOWN: define(
    404,
    1,
    "No such trust domain is known here.",
    "Pin it: `milagro domain verify <file or URL>`; `--home` names another profile. Or found one.",
  ),

  // Enrolment and issuance
  ERR_EMAIL_CODE_INVALID: define(
    403,
    3,
    "A code that was mailed is wrong, too old, or was tried too often.",
    "Type the newest one again, or ask for another.",
  ),
  ERR_ENROLMENT_INCOMPLETE: define(
    503,
    2,
    "Some D-TAs have not answered yet.",
    "Wait or retry; the answers that came are kept.",
  ),
  ERR_ENROLMENT_REFUSED: define(
    403,
    3,
    "A D-TA refused to issue its share; the error names it and its reason.",
    "Bring the evidence that this D-TA asks for.",
  ),
  ERR_ENROLMENT_UNKNOWN: define(
    404,
    2,
    "There is no such enrolment, or it has expired.",
    "Begin again: `milagro enrol`.",
  ),
  ERR_EPOCH_OUT_OF_WINDOW: define(
    403,
    3,
    "Keys of this epoch may not be had now.",
    "Ask for the current or next epoch; check the clock.",
  ),
  ERR_MASTER_AHEAD: define(
    503,
    2,
    "The request names an epoch of the mpin master that this side has not adopted yet.",
    "Try again shortly; a D-TA that stays behind missed the end of the rotation: run `milagro domain rotate` again.",
  ),
  ERR_MASTER_OVER: define(
    410,
    3,
    "The request names an epoch of the mpin master whose time to change over has passed.",
    "Set the device up anew.",
  ),
  ERR_EVIDENCE_INVALID: define(
    403,
    3,
    "The evidence does not prove what the request asks for.",
    "Get fresh evidence for this identity, usage and request key.",
  ),
  ERR_EVIDENCE_MISSING: define(
    403,
    3,
    "The request brings no evidence that this D-TA's policy accepts.",
    "Ask the operator for a join token or a grant.",
  ),
  ERR_IDENTITY_ISSUED: define(
    409,
    3,
    "The keys of this device were issued before, to another request.",
    "Enrol as a new device: devices have random names, and each is issued for once.",
  ),
  ERR_IDENTITY_REVOKED: define(
    403,
    3,
    "This D-TA no longer issues for this identity.",
    "Ask its operator why; a single refusal suffices to stop issuing.",
  ),
  ERR_JOIN_TOKEN_INVALID: define(
    403,
    3,
    "The join token is unknown, expired, used up or meant for another request.",
    "Ask the operator for a new one.",
  ),
  ERR_JOIN_TOKEN_SPENT: define(
    403,
    3,
    "The join token was spent on another request.",
    "If that was not you, tell the operator at once: somebody else may have joined with it.",
  ),
  ERR_POLICY_REFUSED: define(
    403,
    3,
    "No rule of this D-TA's policy allows the request.",
    "Ask its operator to add a rule.",
  ),
  ERR_RECEIPT_INVALID: define(
    502,
    2,
    "A D-TA's receipt or refusal does not match what it answers to.",
    "Do not use its share; report it to its operator.",
  ),
  ERR_REQUEST_EXPIRED: define(
    400,
    1,
    "The request is too old or from the future.",
    "Check the clock and make a new request.",
  ),
  ERR_REQUEST_REPLAYED: define(409, 1, "The request was used before with other content.", "Make a new request."),

  // Signed requests and the bus
  ERR_BUS_TOKEN_INVALID: define(401, 2, "The bus refused the connection token.", "Check identity, epoch and clock."),
  ERR_DIGEST_INVALID: define(400, 2, "The body does not match its Content-Digest.", "Send the body that was signed."),
  ERR_SIGNATURE_EXPIRED: define(
    401,
    2,
    "The signature's time window is over or has not begun.",
    "Check the clock and sign again.",
  ),
  ERR_SIGNATURE_INVALID: define(
    401,
    2,
    "A signature does not verify.",
    "Check identity, epoch and domain; sign exactly what is sent.",
  ),
  ERR_SIGNATURE_MISSING: define(
    401,
    2,
    "The request carries no usable signature.",
    "Sign it with an identity key; see docs/spec/http-signatures.md.",
  ),
  ERR_SIGNATURE_REPLAYED: define(401, 2, "This signed request was seen before.", "Sign again with a fresh nonce."),

  // Logging in
  ERR_DEVICE_LIMIT: define(409, 3, "The user has as many devices as the service allows.", "Remove one first."),
  ERR_CLIENT_EXISTS: define(
    409,
    1,
    "An application is registered under this id.",
    "Remove it first, or take another id.",
  ),
  ERR_CLIENT_UNKNOWN: define(404, 1, "No application is registered under this id.", "List the applications."),
  ERR_DEVICE_UNKNOWN: define(404, 2, "The user has no such device, or it was removed.", "List the devices."),
  ERR_HANDOVER_UNKNOWN: define(
    404,
    2,
    "There is no such handover, or it is over.",
    "Show a new code on the other screen and scan that.",
  ),
  ERR_HOST_UNKNOWN: define(
    421,
    2,
    "The login server does not answer under this host name.",
    "Use the address that its operator has configured as `origin`.",
  ),
  ERR_IDENTITY_KNOWN: define(
    409,
    3,
    "The identity is registered already, with another key.",
    "Enrol as a new device: its name is drawn anew.",
  ),
  ERR_INTERACTION_UNKNOWN: define(
    404,
    2,
    "No application waits for this login, or not any more.",
    "Go back to the application and begin again.",
  ),
  ERR_LOGIN_UNKNOWN: define(
    404,
    2,
    "There is no such login in this browser, or it was used or has expired.",
    "Begin the login again.",
  ),
  ERR_MASTER_CHANGED: define(
    409,
    2,
    "The login server has another epoch of the mpin master than the login was begun with; nothing was counted.",
    "Begin the login again; a device that is behind updates its token first.",
  ),
  ERR_NUMBER_MISMATCH: define(
    403,
    3,
    "The number that was picked is not the one on the other screen.",
    "Begin again; if there is no other screen before you, somebody is trying to deceive you.",
  ),
  ERR_ORIGIN_REFUSED: define(
    403,
    2,
    "The request does not come from the login server's own pages.",
    "Send the Origin header that the operator has configured.",
  ),
  ERR_QUICK_CODE_INVALID: define(
    403,
    3,
    "The QuickCode is wrong, used, or has expired.",
    "Make a new one on a device that is logged in; guesses are counted.",
  ),
  ERR_QUICK_CODE_UNKNOWN: define(404, 2, "There is no such QuickCode, or it is over.", "Make a new one."),
  ERR_SERVER_SECRET_MISSING: define(
    503,
    2,
    "The login server has not collected its server secret from all D-TAs yet.",
    "Its operator gives it join tokens, `milagro auth serve --join-tokens`, and looks whether all D-TAs run.",
  ),
  ERR_SESSION_MISSING: define(401, 2, "Nobody is logged in here.", "Log in first."),
  ERR_USER_UNKNOWN: define(404, 2, "The login server knows no such user.", "List the users."),
  ERR_WEBHOOK_REFUSED: define(
    400,
    3,
    "A webhook may not go to this address.",
    "Use https to a public address, or allow the network in `webhookAllow`.",
  ),
  ERR_WEBHOOK_UNKNOWN: define(404, 2, "There is no such webhook.", "List the webhooks."),

  // Secrets
  ERR_ACCESS_DENIED: define(
    403,
    3,
    "No rule of the D-KMS allows this identity to do this here.",
    "Ask its operator for a rule; denials win over permissions.",
  ),
  ERR_CURSOR_INVALID: define(
    400,
    1,
    "A cursor was not made for this listing.",
    "Start the listing again without a cursor.",
  ),
  ERR_IDEMPOTENCY_CONFLICT: define(
    409,
    1,
    "The idempotency key was used for a different request.",
    "Use a new key for a new request.",
  ),
  ERR_SECRET_UNKNOWN: define(
    404,
    2,
    "There is no such secret or version.",
    "List what there is: `milagro secret list`.",
  ),
  ERR_VERSION_CONFLICT: define(
    409,
    2,
    "The secret has moved on since the version this builds upon.",
    "Fetch the newest version and try again.",
  ),
  ERR_VERSION_RECORD_INVALID: define(
    422,
    2,
    "A secret's version record is not what its author signed.",
    "Do not use it; the D-KMS or its store was tampered with.",
  ),

  // This machine
  ERR_ACCOUNT_UNKNOWN: define(
    404,
    1,
    "There is no such login account on this device for this server.",
    "Enrol this device, or choose another account.",
  ),
  ERR_ENROLMENT_STAGE: define(
    409,
    1,
    "The enrolment on this device has not come to this step, or is past it.",
    "Look at its stage and go on from there.",
  ),
  ERR_ADDRESS_IN_USE: define(
    500,
    1,
    "Another program listens on this address or socket.",
    "Stop it or choose another address.",
  ),
  ERR_ADDRESS_UNAVAILABLE: define(
    500,
    1,
    "This address cannot be listened on.",
    "Check host, port, permissions and the length of a socket's path.",
  ),
  ERR_AUDIT_CORRUPT: define(
    500,
    1,
    "The audit log's hash chain is broken.",
    "Stop, keep the files as evidence, restore from backup.",
  ),
  ERR_AUTHOR_REFUSED: define(
    403,
    3,
    "A secret's author is not one that this endpoint accepts.",
    "Add the author to `authors` in the endpoint's configuration, if it should be.",
  ),
  ERR_CANCELLED: define(499, 1, "The person or a signal ended the command.", "Run it again."),
  ERR_COMMAND_FAILED: define(500, 1, "A program could not be started.", "Check its name and permissions."),
  ERR_CONFIG_INVALID: define(
    500,
    1,
    "A setting is missing or wrong; the detail names it.",
    "Correct it; flags win over environment over file.",
  ),
  ERR_CONFIG_MISSING: define(500, 1, "The configuration file cannot be read.", "Check its path and permissions."),
  ERR_CONFIG_SECRET: define(
    500,
    1,
    "A secret was given in the environment, where other programs can see it.",
    "Put it into a file only you can read and give the path.",
  ),
  ERR_DATABASE_BUSY: define(
    503,
    1,
    "Other transactions did not let this one through.",
    "Retry; nothing of it was kept.",
  ),
  ERR_DATABASE_CONFLICT: define(409, 1, "A record with this key exists already.", "Read the present one first."),
  ERR_DATABASE_CORRUPT: define(500, 1, "The database fails its integrity check.", "Stop and restore from backup."),
  ERR_DATABASE_READ_ONLY: define(
    503,
    1,
    "The database cannot be written.",
    "Check its permissions, or whether the server is a standby.",
  ),
  ERR_DATABASE_VERSION: define(
    500,
    1,
    "The database was made by another version of the program.",
    "Run the newer version; going back means restoring a backup.",
  ),
  ERR_DEV_FAILED: define(
    500,
    1,
    "The local demonstration did not run through.",
    "Read the part's log that is named, or start afresh: `milagro dev --fresh`.",
  ),
  ERR_ENDPOINT_UNREACHABLE: define(
    502,
    1,
    "The endpoint daemon's socket cannot be reached.",
    "Start it: `milagro endpoint run`; check --socket and who may open it.",
  ),
  ERR_ENGINE_SELF_TEST: define(
    500,
    1,
    "The arithmetic gives wrong results on this machine.",
    "Do not use it; report engine, platform and version.",
  ),
  ERR_FILE_EXISTS: define(
    409,
    1,
    "A file of that name exists already.",
    "Choose another name, or --force where the command has it.",
  ),
  ERR_FILE_MISSING: define(404, 1, "There is no such file.", "Check the path."),
  ERR_FILE_TOO_LARGE: define(413, 1, "A file is larger than its kind can be.", "Check that it is the right file."),
  ERR_FILE_UNREADABLE: define(500, 1, "A file cannot be read.", "Check permissions and the disk."),
  ERR_FILE_UNWRITABLE: define(
    500,
    1,
    "A file cannot be written; the old one is untouched.",
    "Check permissions and the disk.",
  ),
  ERR_INTERNAL: define(
    500,
    2,
    "Something went wrong that is nobody's input.",
    "See the service's log at this request id.",
  ),
  ERR_KEYSTORE_CHANGED: define(
    409,
    1,
    "Another program has changed the key store meanwhile.",
    "Open it again and repeat the change.",
  ),
  ERR_KEYSTORE_CORRUPT: define(500, 1, "A sealed key store is damaged or was altered.", "Restore it from backup."),
  ERR_KEYSTORE_PASSPHRASE: define(
    403,
    1,
    "The passphrase does not open the key store.",
    "Try again; without it the keys are lost.",
  ),
  ERR_KEYSTORE_UNSUPPORTED: define(
    500,
    1,
    "This Node cannot derive the key that the key store needs.",
    "Use Node 24.7 or newer.",
  ),
  ERR_KMS_UNKNOWN: define(404, 1, "Neither the domain nor a setting names a D-KMS.", "Give its address: --kms URL."),
  ERR_OUTPUT_NOT_MEMORY: define(
    500,
    1,
    "A folder for secret files is not kept in memory.",
    "Use a tmpfs such as /dev/shm, or allowDisk for this file.",
  ),
  ERR_OUTPUT_UNWRITABLE: define(
    500,
    1,
    "A file for a local program cannot be written.",
    "Check the folder, its owner and its mode.",
  ),
  ERR_PASSKEY_LOCKED: define(
    409,
    1,
    "The accounts of this browser are sealed by a passkey, which has not been used yet.",
    "Unlock with the passkey.",
  ),
  ERR_PASSKEY_UNAVAILABLE: define(
    500,
    1,
    "There is no passkey with a PRF here, or the person said no.",
    "Go on without; or use a browser and an authenticator that have it.",
  ),
  ERR_PASSPHRASE_INVALID: define(
    400,
    1,
    "A passphrase is empty, too long or more than one line.",
    "Use one line of at most 4096 bytes.",
  ),
  ERR_PASSPHRASE_MISSING: define(
    400,
    1,
    "A passphrase is needed and no source for it was given.",
    "Give --passphrase-file, or run it at a terminal.",
  ),
  ERR_PASSPHRASE_MODE: define(
    400,
    1,
    "Others can read the passphrase file.",
    "Make it readable by its owner only (mode 600).",
  ),
  ERR_PLAIN_REFUSED: define(
    400,
    1,
    "Something would be said to another machine, or listened to from one, without encryption.",
    "Clients: use the milagro:// address with the domain's descriptor, or https:// and mqtts://; on one machine, 127.0.0.1. Listeners: 127.0.0.1, or channels; behind a proxy that does TLS, set tlsInFront.",
  ),
  ERR_RANDOM_UNAVAILABLE: define(
    500,
    1,
    "The source of randomness failed.",
    "Do not go on; check the operating system.",
  ),
  ERR_RELOAD_FAILED: define(
    500,
    1,
    "The program that uses a secret could not be told of its new version.",
    "Check the pid file or command; the new secret is in place.",
  ),
  ERR_SERVICE_ENDED: define(
    500,
    1,
    "A service process ended or did not become ready.",
    "Read its log, which the message names.",
  ),
  ERR_SERVICE_MISSING: define(
    500,
    1,
    "The package of a service is not installed.",
    "Install it beside the command line.",
  ),
  ERR_STORAGE_FULL: define(503, 1, "The disk is full; nothing was half written.", "Make room and retry."),
  ERR_STORAGE_UNAVAILABLE: define(
    503,
    1,
    "The store cannot be read or written.",
    "Check disk space, permissions and the database's address.",
  ),

  // Programs on this machine: command line and endpoint
  ERR_PEER_INVALID: define(
    502,
    2,
    "A peer's answer is not of the form the protocol demands.",
    "Check its address and version; a proxy may be answering in its place.",
  ),
  ERR_TEMPLATE_INVALID: define(
    500,
    1,
    "A template has something other than secrets between its braces.",
    'Write {{secret "path"}}, optionally with | json or | base64.',
  ),
  ERR_USAGE: define(400, 1, "A command was called wrongly.", "Run it with --help for usage and examples."),
  ERR_VALUE_INVALID: define(
    400,
    1,
    "A value given on the command line cannot be used.",
    "Give text, @file, or - for standard input.",
  ),
  ERR_VERSION_ROLLBACK: define(
    409,
    2,
    "A secret came in an older version than the one already here.",
    "Nothing was changed; find out who replays or restores old state.",
  ),
  ERR_WORKER_CRASHED: define(
    503,
    1,
    "A worker thread died while it had this task.",
    "Retry; the log says why if anything is known.",
  ),

  // Channels
  ERR_CHANNEL_AGREEMENT: define(
    400,
    2,
    "The two sides of a channel have not agreed on a key: a message was changed, or a signature is wrong.",
    "Retry; if it stays, somebody is in between, or one side's keys are not of this domain.",
  ),
  ERR_CHANNEL_BUSY: define(
    503,
    2,
    "The other side has too many connections that are not set up yet.",
    "Wait a little, then retry.",
  ),
  ERR_CHANNEL_MESSAGE: define(
    400,
    2,
    "What came over a connection is not a message of the key agreement, or out of order.",
    "Check that the other side speaks Milagro channels at this address.",
  ),
  ERR_CHANNEL_PEER: define(
    403,
    3,
    "Whoever answered is not whom the channel was meant for.",
    "Check address and identity; somebody may be answering in its place.",
  ),
  ERR_CHANNEL_POLICY_INVALID: define(
    400,
    1,
    "A channel policy is not of the form it must have.",
    "The detail names the place; compare with docs/operate/channel.md.",
  ),
  ERR_CHANNEL_REFUSED: define(
    403,
    3,
    "The channel was refused: by policy, or because the identity is revoked.",
    "Ask whoever runs the other side; its policy names who may talk to whom.",
  ),
  ERR_CHANNEL_TICKET: define(
    403,
    2,
    "A ticket for a channel is not known, or has expired.",
    "Connect again: without a ticket the two sides agree anew.",
  ),

  // Others' machines
  ERR_BUS_REFUSED: define(403, 3, "The bus does not allow this topic.", "Use the topics of your own identity."),
  ERR_BUS_UNAVAILABLE: define(
    503,
    2,
    "The bus is not connected.",
    "Nothing is lost: delivery goes on when it is back.",
  ),
  ERR_OVERLOADED: define(503, 2, "The service has too much to do.", "Wait as Retry-After says, then retry."),
  ERR_RATE_LIMITED: define(429, 2, "Too many requests from this source.", "Wait as Retry-After says, then retry."),
  ERR_SEALED: define(
    503,
    2,
    "The D-TA is running but its master secrets are sealed.",
    "Its operator unseals it: `milagro dta unseal`.",
  ),
  ERR_SERVICE_NOT_ENROLLED: define(
    503,
    2,
    "The D-KMS has no identity of its own yet, and so cannot sign.",
    "Its operator gives it a passphrase file and join tokens; secrets can be put meanwhile.",
  ),
  ERR_TIMEOUT: define(504, 2, "The peer did not answer in time.", "Retry; the request is idempotent."),
  ERR_UNREACHABLE: define(502, 2, "The peer cannot be reached.", "Check its address, the network and whether it runs."),
  // Forwarders and tunnels
  ERR_SOCKS_INVALID: define(
    400,
    1,
    "A program speaks something else than SOCKS 5, or wants more of it than CONNECT without a password.",
    "Set it to SOCKS 5 without a password, and to leave names to the proxy (socks5h).",
  ),
  ERR_TARGET_INVALID: define(
    400,
    1,
    "Text is not a target of a forwarder, or the far side has no target by default.",
    "Write name:port, address:port or [v6 address]:port.",
  ),
  ERR_TARGET_REFUSED: define(
    403,
    3,
    "The far side of a forwarder does not let this identity reach this target.",
    "Ask whoever runs it; its --reach rules name what may be reached.",
  ),
  ERR_TARGET_UNREACHABLE: define(
    502,
    2,
    "The far side of a forwarder cannot connect to the target.",
    "Check that the target runs and that the far side's machine can reach it.",
  ),
  ERR_WIREGUARD_FAILED: define(
    500,
    1,
    "A WireGuard interface cannot be made or configured.",
    "The detail says what failed. It takes root or CAP_NET_ADMIN, and wireguard-go or a kernel with WireGuard and the wg tool.",
  ),

  // Gateway
  ERR_ACCESS_KEY_MISSING: define(
    404,
    1,
    "There is no such S3 access key.",
    "`milagro gateway access-key list` shows those there are.",
  ),
  ERR_BODY_INCOMPLETE: define(400, 1, "A body has another length than was announced.", "Send it again."),
  ERR_BUCKET_EXISTS: define(409, 1, "There is a bucket of that name already.", "Choose another name, or use it."),
  ERR_BUCKET_MISSING: define(404, 1, "There is no such bucket.", "Create it, or check the name."),
  ERR_BUCKET_NOT_EMPTY: define(409, 1, "The bucket holds objects.", "Delete them first."),
  ERR_KEK_INVALID: define(
    502,
    2,
    "The record of a key-encryption key is missing, changed, or made by a gateway that is not trusted here.",
    "Name its gateway under writers, or restore .milagro/kek/ in the bucket from a backup.",
  ),
  ERR_NO_RULE: define(
    403,
    3,
    "No rule says who may read what is written there.",
    "Add a rule for the bucket to the gateway's rules file.",
  ),
  ERR_OBJECT_CHANGED: define(409, 2, "The object was replaced while it was read or changed.", "Try again."),
  ERR_OBJECT_CORRUPT: define(
    502,
    2,
    "A stored object, or its metadata, was changed, cut short, moved or swapped.",
    "Restore it from a backup; ask who else writes to the store.",
  ),
  ERR_OBJECT_FOREIGN: define(
    502,
    2,
    "The object was not written by a gateway.",
    "Read it from the store itself, and write it again through the gateway.",
  ),
  ERR_PRECONDITION_FAILED: define(
    412,
    1,
    "The object is not what the request expects.",
    "Read it again and decide anew.",
  ),
  ERR_RESIDENCY: define(
    403,
    3,
    "The data would leave the region that it may be in.",
    "Write from there, to a store that is there; the rules file says which region.",
  ),
  ERR_ROTATION_MISSING: define(
    404,
    1,
    "There is no such rotation.",
    "`milagro gateway rotation list` shows those there are.",
  ),
  ERR_STORE_UNAVAILABLE: define(
    503,
    2,
    "The store behind the gateway does not answer, or refuses.",
    "Check its address and credentials, and try again.",
  ),
  ERR_UPLOAD_INVALID: define(400, 1, "A part of an upload is missing, replaced or too small.", "Send it again."),
  ERR_UPLOAD_MISSING: define(404, 1, "There is no such upload in parts.", "Begin a new one."),
} as const satisfies Record<string, ErrorDefinition>;

/** Every code there is. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Whether text is one of our codes (own keys only, so `constructor` is not). */
export const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(ERROR_CODES, text);

/** The row of a code; a code of a newer version counts as `ERR_INTERNAL`. */
export const definitionOf = (code: string): ErrorDefinition => ERROR_CODES[isErrorCode(code) ? code : "ERR_INTERNAL"];
