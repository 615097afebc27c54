/**
 * Vectors of policies and of attribute-based encryption, ciphertext-policy and key-policy.
 * @module
 */
import { encodeHex } from "../../src/bytes.ts";
import { ALICE, BOB, bytesFor, EPOCH, flip, hexFor, hexOf, Scheme, type Setting, succeed } from "./builder.ts";
import type { Fields, Json, VectorFile } from "./runner.ts";

const SCHEMA: Fields = {
  v: 1,
  negation: true,
  labels: {
    region: { type: "text", values: "one", negatable: true },
    group: { type: "text", values: "many" },
    role: { type: "text", values: "one" },
    level: { type: "integer", width: 3 },
    joined: { type: "date" },
  },
};
const NO_G1 = `c0${"00".repeat(47)}`;
const SMALL_G1 = `80${"00".repeat(47)}`;
const POLICY = "ERR_POLICY_INVALID";
const FAILED = "ERR_DECAPSULATION_FAILED";
const CONTEXT = hexOf("vector");

export async function policies({ engine }: Setting): Promise<VectorFile> {
  const s = new Scheme(engine, "policy");
  const parse = (policy: string): Fields => ({ policy, schema: SCHEMA });
  for (const [name, policy] of [
    ["one condition", "role = analyst"],
    ["and before or", "role = a or role = b and group = c"],
    ["brackets, comments, signs", "# who\n(role:a|role:b)&!(region=US)"],
    ["not over a group", "not (region = US or level >= 6 and not role = a)"],
    ["k of n", "2 of (role = a, group = x and group = y, level in 2..5)"],
    ["equal branches and absorbed ones", "role = a or role = a or (role = a and group = x)"],
    ["not k of n", "not 2 of (region = A, region = B, not role = c)"],
    ["sets", "region in {DE, FR} and region not in {US, CN}"],
    ["a range outside", "not level in 2..5"],
    ["every comparison", "level = 3 or level != 3 or level < 3 or level <= 3 or level > 3 or level >= 3"],
    ["dates", "joined >= 2024-02-29 and joined < 2149-06-06"],
    [
      "the same attribute again: uses 0, 1, 2",
      "(role = a or group = x) and (role = a or group = y) and (role = a or group = z)",
    ],
    ["the same negated label again", "region != A and region != B and region = C"],
    ["quoted values", 'group = "and" or group = "two words" or group = "a\\"b\\\\c"'],
    ["uid and epoch", `uid != "${BOB}" and epoch >= 20000`],
  ] as const) {
    await s.ok(name, "policy-parse", parse(policy));
  }
  await s.ok("types in the text, no schema", "policy-parse", {
    policy: "age[7]>=18&born[date]<2000-01-01&x!=y",
  });
  for (const [name, policy] of [
    ["nothing", ""],
    ["a word alone", "role"],
    ["no value", "role ="],
    ["no operator between", "role = a group = b"],
    ["an open bracket", "(role = a"],
    ["a closing bracket", "role = a)"],
    ["a keyword as value", "role = or"],
    ["a keyword as label", "of = a"],
    ["an open quote", 'role = "a'],
    ["an unknown escape", 'role = "\\n"'],
    ["a control character", 'role = "a\tb"'],
    ["a character of no meaning", "role = a; role = b"],
    ["an unknown label", "rolle = a"],
    ["an order of texts", "role < b"],
    ["a negation that the schema forbids", "role != a"],
    ["the same, by brackets", "not (region = A or group = x)"],
    ["a text where a number belongs", "level = a"],
    ["a number with a leading zero", "level = 03"],
    ["a number past its width", "level = 8"],
    ["a comparison nobody meets", "level > 7"],
    ["the same, by a negation", "not level >= 0"],
    ["a range backwards", "level in 5..2"],
    ["a set of numbers", "level in {1, 2}"],
    ["an empty set", "region in {}"],
    ["a set with a value twice", "region in {DE, DE}"],
    ["a day outside the calendar", "joined = 2023-02-29"],
    ["a day past 16 bits", "joined = 2149-06-07"],
    ["a threshold of none", "0 of (role = a)"],
    ["a threshold of more than there are", "2 of (role = a)"],
    ["another type than the schema's", "level[4] = 3"],
    ["a type for a text", "role[3] = 3"],
    ["text in another form", "role = e\u0301"],
    ["an invisible character", 'role = "a\u200b"'],
    ["33 negations", `${"!".repeat(33)}role = a`],
    ["513 rows", `role = a${" or role = a".repeat(512)}`],
  ] as const) {
    await s.refuse(POLICY, `refuses ${name}`, "policy-parse", parse(policy));
  }
  const satisfied = (policy: string, attributes: Json): Fields => ({ policy, schema: SCHEMA, attributes });
  for (const [name, policy, attributes] of [
    ["a negation by another value", "region != US", { region: "DE" }],
    ["no negation without the label", "region != US", { role: "a" }],
    ["no negation by the same value", "not region = US", { region: "US" }],
    ["two of three", "2 of (role = a, group = x, level > 5)", { role: "a", group: ["x", "y"], level: 2 }],
    ["one of three", "2 of (role = a, group = x, level > 5)", { role: "a", level: 2 }],
  ] as const) {
    await s.ok(`satisfied: ${name}`, "policy-satisfied", satisfied(policy, attributes as unknown as Json));
  }
  const values: Fields = { region: "DE", group: ["b", "a"], level: 5, joined: "2024-02-29" };
  const { set } = await s.ok("a set, sorted", "attribute-set", { schema: SCHEMA, attributes: values });
  await s.ok("its components", "attribute-components", { set: set as string });
  await s.ok("a schema", "attribute-schema", { schema: SCHEMA });
  for (const [name, attributes] of [
    ["no attributes", {}],
    ["attributes of an unknown label", { rolle: "a" }],
    ["two values of a negatable label", { region: ["DE", "FR"] }],
    ["an attribute past its width", { level: 8 }],
    ["a number as text", { level: "5" }],
    ["a value twice", { group: ["a", "a"] }],
  ] as const) {
    const fields = { schema: SCHEMA, attributes: attributes as unknown as Json };
    await s.refuse("ERR_ATTRIBUTE_INVALID", `refuses ${name}`, "attribute-set", fields);
  }
  const bytes = set as string;
  for (const [name, wrong] of [
    ["cut short", bytes.slice(0, -2)],
    ["with a byte left over", `${bytes}00`],
    ["with values out of order", bytes.replace("01610162", "01620161")],
    ["with a label twice", `0002${bytes.slice(4, 4 + 2 * 14)}${bytes.slice(4, 4 + 2 * 14)}`],
    ["with a number past its width", bytes.replace("0300000005", "0300000008")],
    ["with an unknown type", bytes.replace("6c0203", "6c0703")],
  ] as const) {
    if (wrong === bytes) throw new Error(`nothing was changed: ${name}`);
    await s.refuse("ERR_ATTRIBUTE_INVALID", `refuses a set ${name}`, "attribute-components", { set: wrong });
  }
  const labels = (label: Json): Fields => ({ schema: { v: 1, negation: false, labels: { l: label } } });
  for (const [name, label] of [
    ["a negatable label without negation", { type: "text", values: "one", negatable: true }],
    ["a width of 33", { type: "integer", width: 33 }],
    ["an unknown type", { type: "float" }],
  ] as const) {
    await s.refuse("ERR_ATTRIBUTE_SCHEMA_INVALID", `refuses ${name}`, "attribute-schema", labels(label));
  }
  return s.file();
}

/** Three D-TAs with masters of one scheme and statement keys. */
async function authorities({ engine, domainId }: Setting, scheme: "cp" | "kp") {
  const run = (operation: string, input: Fields) => succeed(engine, operation, input);
  const scalar = (label: string): string =>
    encodeHex(engine.scalars.encode(engine.scalars.reduce(bytesFor(label, 48))));
  const publish = async (as: string, secret: string): Promise<string> =>
    (await run("public-share", { scheme: as, secret }))["publicShare"] as string;
  const secrets = [1, 2, 3].map((i) => scalar(`${scheme} ${i}`));
  const signers = [1, 2, 3].map((i) => scalar(`${scheme} statement ${i}`));
  const publicShares = await Promise.all(secrets.map((secret) => publish(scheme, secret)));
  const statementKeys = await Promise.all(signers.map((secret) => publish("statement", secret)));
  const { publicKey } = await run("combine-public-shares", { scheme, shares: publicShares });
  const approve = (statement: string): Promise<string[]> =>
    Promise.all(
      signers.map(async (secret) => {
        return (await run("sign-statement", { secret, message: statement }))["signature"] as string;
      }),
    );
  /** Everything a D-TA is handed. */
  const request = async (content: Fields, more: Fields = {}) => {
    const head = { scheme, domainId, identity: ALICE, epoch: EPOCH, bound: true, context: CONTEXT };
    const { entitlement, statement } = await run("abe-entitlement", { ...head, ...content, ...more });
    const approvals = await approve(statement as string);
    return { scheme, entitlement: entitlement as string, context: CONTEXT, authorities: statementKeys, approvals };
  };
  const issue = async (content: Fields, more: Fields = {}): Promise<string[]> => {
    const fields = await request(content, more);
    return Promise.all(
      secrets.map(async (secret) => (await run("abe-issue", { ...fields, secret }))["share"] as string),
    );
  };
  const keyOf = async (content: Fields, more: Fields = {}): Promise<string> => {
    const shares = await issue(content, more);
    return (await run("abe-combine", { scheme, publicKey: publicKey as string, shares }))["key"] as string;
  };
  return { secrets, publicShares, publicKey: publicKey as string, request, issue, keyOf };
}

/** Entitlements, shares and keys: the same for both schemes. */
async function issuing(s: Scheme, setting: Setting, scheme: "cp" | "kp", content: Fields, other: Fields) {
  const a = await authorities(setting, scheme);
  const [secret] = a.secrets as [string];
  const [publicShare, second] = a.publicShares as [string, string];
  const entitlement: Fields = { scheme, domainId: setting.domainId, identity: ALICE, epoch: EPOCH, context: CONTEXT };
  const made = await s.ok("an entitlement bound to its epoch", "abe-entitlement", {
    ...entitlement,
    bound: true,
    ...content,
  });
  await s.ok("an entitlement for any epoch's ciphertexts", "abe-entitlement", {
    ...entitlement,
    bound: false,
    ...content,
  });
  await s.ok("an entitlement taken apart", "abe-parse-entitlement", {
    scheme,
    entitlement: made["entitlement"] as string,
  });
  await s.refuse("ERR_ENTITLEMENT_INVALID", "refuses an entitlement for epoch 0", "abe-entitlement", {
    ...entitlement,
    bound: true,
    ...content,
    epoch: 0,
  });
  const bytes = made["entitlement"] as string;
  for (const [name, wrong] of [
    ["of another version", flip(bytes, 0)],
    ["cut short", bytes.slice(0, -2)],
    ["with a byte left over", `${bytes}00`],
    ["bound to another epoch than its own", flip(bytes, 43)],
  ] as const) {
    await s.refuse("ERR_ENTITLEMENT_INVALID", `refuses an entitlement ${name}`, "abe-parse-entitlement", {
      scheme,
      entitlement: wrong,
    });
  }
  const request = await a.request(content);
  await s.ok("a share", "abe-issue", { ...request, secret });
  const another = await a.request(other);
  const unapproved = "ERR_APPROVAL_MISSING";
  const [first, next] = request.approvals as [string, string];
  for (const [name, changed] of [
    ["with one approval missing", { approvals: request.approvals.slice(1) }],
    ["with the approvals out of order", { approvals: [next, first, request.approvals[2] as string] }],
    ["with one approval twice", { approvals: [first, first, request.approvals[2] as string] }],
    ["approved for another entitlement", { approvals: another.approvals }],
    ["approved for another request", { context: hexOf("another") }],
    ["with an approval that is no point", { approvals: [NO_G1, next, request.approvals[2] as string] }],
  ] as const) {
    await s.refuse(unapproved, `issues nothing ${name}`, "abe-issue", { ...request, secret, ...changed });
  }
  const shares = await a.issue(content);
  const [share] = shares as [string];
  await s.ok("a share verified", "abe-verify-share", { scheme, publicShare, share });
  await s.refuse("ERR_SHARE_INVALID", "refuses the share of another D-TA", "abe-verify-share", {
    scheme,
    publicShare: second,
    share,
  });
  const end = share.length;
  const swapped = share.slice(0, end - 192) + share.slice(end - 96) + share.slice(end - 192, end - 96);
  await s.refuse("ERR_SHARE_INVALID", "refuses a share with two points exchanged", "abe-verify-share", {
    scheme,
    publicShare,
    share: swapped,
  });
  for (const [name, wrong] of [
    ["of another version", flip(share, 0)],
    ["of the kind key", `${share.slice(0, 2)}02${share.slice(4)}`],
    ["with a point at infinity", share.slice(0, -96) + NO_G1],
    ["with a point of order 3", share.slice(0, -96) + SMALL_G1],
    ["cut by a point", share.slice(0, -96)],
    ["with a byte left over", `${share}00`],
  ] as const) {
    await s.refuse("ERR_ATTRIBUTE_KEY_INVALID", `refuses a share ${name}`, "abe-verify-share", {
      scheme,
      publicShare,
      share: wrong,
    });
  }
  const { publicKey } = a;
  const combined = await s.ok("three shares are a key", "abe-combine", { scheme, publicKey, shares });
  const [foreign] = (await a.issue(content, { identity: BOB })) as [string];
  const [stale] = (await a.issue(content, { epoch: EPOCH + 1 })) as [string];
  for (const [name, wrong] of [
    ["two shares alone", shares.slice(1)],
    ["no shares", []],
    ["a share of another identity", [foreign, ...shares.slice(1)]],
    ["a share of another epoch", [stale, ...shares.slice(1)]],
    ["a share twice", [share, share, shares[2] as string]],
  ] as const) {
    await s.refuse("ERR_SHARE_INVALID", `does not combine ${name}`, "abe-combine", {
      scheme,
      publicKey,
      shares: wrong,
    });
  }
  return { ...a, key: combined["key"] as string };
}

export async function ciphertextPolicy(setting: Setting): Promise<VectorFile> {
  const { engine, domainId } = setting;
  const s = new Scheme(engine, "abe-cp");
  const held: Fields = { schema: SCHEMA, attributes: { region: "DE", role: "analyst", group: ["a", "b"], level: 5 } };
  const { key, keyOf, publicKey } = await issuing(s, setting, "cp", held, { ...held, attributes: { role: "boss" } });
  for (const scope of [EPOCH, 0]) {
    const set = "0002056c6576656c02030000000506726567696f6e01024445";
    await s.ok(`points of epoch ${scope}`, "abe-points", { scheme: "cp", domainId, epoch: scope, set });
  }
  const encapsulate = (policy: string, name: string, more: Fields = {}): Fields => ({
    publicKey,
    domainId,
    epoch: EPOCH,
    policy,
    schema: SCHEMA,
    context: CONTEXT,
    random: hexFor(`abe-cp ${name}`, 32),
    ...more,
  });
  const sealed: Record<string, string> = {};
  for (const [name, policy] of [
    ["one attribute", "role = analyst"],
    ["and, or", "role = analyst and (group = c or group = b)"],
    ["a negation", "region != US"],
    ["two of three", "2 of (role = boss, group = a, level >= 4)"],
    ["an attribute used twice", "(role = analyst or group = x) and (role = analyst or group = y)"],
    ["not over a group", "not (region = US or region = CN) and level in 5..6"],
  ] as const) {
    const out = await s.ok(`encapsulate: ${name}`, "abe-cp-encapsulate", encapsulate(policy, name));
    const ciphertext = out["ciphertext"] as string;
    sealed[name] = ciphertext;
    await s.ok(`decapsulate: ${name}`, "abe-cp-decapsulate", { key, publicKey, ciphertext, context: CONTEXT });
  }
  await s.refuse(
    POLICY,
    "refuses a policy over the epoch of bound keys",
    "abe-cp-encapsulate",
    encapsulate("epoch > 5", "no"),
  );
  const poor = await keyOf({ schema: SCHEMA, attributes: { role: "guest", region: "US" } });
  const later = await keyOf(held, { epoch: EPOCH + 1 });
  for (const [name, wrong] of [
    ["one attribute", poor],
    ["a negation", poor],
    ["two of three", poor],
    ["and, or", later],
  ] as const) {
    const fields = { key: wrong, publicKey, ciphertext: sealed[name] as string, context: CONTEXT };
    const why = wrong === later ? "of another epoch" : "without the attributes";
    await s.refuse("ERR_POLICY_UNSATISFIED", `refuses a key ${why}: ${name}`, "abe-cp-decapsulate", fields);
  }
  const ciphertext = sealed["and, or"] as string;
  const text = 22 + 2 * Number.parseInt(ciphertext.slice(18, 22), 16);
  const point = encodeHex(engine.g1.encode(engine.g1.generator));
  const splice = (at: number, hex: string): string => ciphertext.slice(0, at) + hex + ciphertext.slice(at + hex.length);
  for (const [name, changed] of [
    ["with s·g2 changed", flip(ciphertext, text / 2 + 20)],
    ["with r·g2 changed", flip(ciphertext, text / 2 + 96 + 20)],
    ["with the first row replaced", splice(text + 384, point)],
    ["with a row replaced that the opener does not use", splice(text + 384 + 96, point)],
    ["with a row at infinity", splice(text + 384, NO_G1)],
    ["with a row of order 3", splice(text + 384, SMALL_G1)],
    ["with V changed", flip(ciphertext, -1)],
    ["with another policy over the same attributes", ciphertext.replace(hexOf("&(group"), hexOf("|(group"))],
  ] as const) {
    if (changed === ciphertext) throw new Error(`nothing was changed: ${name}`);
    const fields = { key, publicKey, ciphertext: changed, context: CONTEXT };
    await s.refuse(FAILED, `refuses a ciphertext ${name}`, "abe-cp-decapsulate", fields);
  }
  const other = await authorities({ ...setting, domainId: hexFor("another domain", 32) }, "cp");
  const foreign = { key: await other.keyOf(held), publicKey, ciphertext, context: CONTEXT };
  await s.refuse(FAILED, "refuses the key of another domain", "abe-cp-decapsulate", foreign);
  for (const [name, wrong] of [
    ["of the other version", flip(ciphertext, 0).replace(/^00/, "02")],
    ["cut short", ciphertext.slice(0, -2)],
    ["with a byte left over", `${ciphertext}00`],
    ["with a policy that does not parse", ciphertext.replace(hexOf("&(group"), hexOf("&&group"))],
    ["that is empty", ""],
  ] as const) {
    const fields = { key, publicKey, ciphertext: wrong, context: CONTEXT };
    await s.refuse("ERR_CIPHERTEXT_INVALID", `refuses a ciphertext ${name}`, "abe-cp-decapsulate", fields);
  }
  const plaintext = hexOf("the plan");
  const envelope = (
    await s.ok("seal an envelope", "abe-seal", {
      ...encapsulate("role = analyst", "envelope"),
      plaintext,
    })
  )["envelope"] as string;
  const open: Fields = { scheme: "cp", key, publicKey, envelope, context: CONTEXT };
  await s.ok("open an envelope", "abe-open", open);
  await s.refuse(FAILED, "refuses an envelope in another context", "abe-open", { ...open, context: hexOf("x") });
  await s.refuse(FAILED, "refuses an envelope with its body changed", "abe-open", {
    ...open,
    envelope: flip(envelope, -1),
  });
  const commitment = envelope.length / 2 - 24 - 4 - 32;
  await s.refuse(FAILED, "refuses an envelope with its commitment changed", "abe-open", {
    ...open,
    envelope: flip(envelope, commitment),
  });
  await s.refuse("ERR_ENVELOPE_INVALID", "refuses an envelope cut short", "abe-open", {
    ...open,
    envelope: envelope.slice(0, -2),
  });
  await s.refuse("ERR_NOT_RECIPIENT", "refuses an envelope of another domain", "abe-open", {
    ...open,
    envelope: flip(envelope, 5),
  });
  return s.file();
}

export async function keyPolicy(setting: Setting): Promise<VectorFile> {
  const { engine, domainId } = setting;
  const s = new Scheme(engine, "abe-kp");
  const wanted: Fields = { schema: SCHEMA, policy: "(role = analyst or group = x) and region != US" };
  const { key, keyOf, publicKey } = await issuing(s, setting, "kp", wanted, { schema: SCHEMA, policy: "role = boss" });
  const setOf = async (attributes: Fields): Promise<string> =>
    (await succeed(engine, "attribute-set", { schema: SCHEMA, attributes }))["set"] as string;
  const encapsulate = async (attributes: Fields, name: string): Promise<Fields> => ({
    publicKey,
    domainId,
    epoch: EPOCH,
    set: await setOf(attributes),
    context: CONTEXT,
    random: hexFor(`abe-kp ${name}`, 32),
  });
  const full: Fields = { region: "DE", role: "analyst", group: ["a", "x"], level: 5 };
  const policies = {
    "one attribute": "role = analyst",
    "two of three": "2 of (role = boss, group = a, level >= 4)",
    "an attribute used twice": "(role = analyst or group = y) and (role = analyst or group = z)",
    "two negations of a label": "region not in {US, CN}",
  };
  const out = await s.ok("encapsulate", "abe-kp-encapsulate", await encapsulate(full, "full"));
  const ciphertext = out["ciphertext"] as string;
  await s.ok(
    "encapsulate: no negatable label, version 1",
    "abe-kp-encapsulate",
    await encapsulate({ role: "a" }, "one"),
  );
  const open: Fields = { key, publicKey, ciphertext, context: CONTEXT };
  await s.ok("decapsulate: and, or, negation", "abe-kp-decapsulate", open);
  for (const [name, policy] of Object.entries(policies)) {
    const holder = await keyOf({ schema: SCHEMA, policy });
    await s.ok(`decapsulate: ${name}`, "abe-kp-decapsulate", { ...open, key: holder });
  }
  for (const policy of ["role = boss", "region != DE", "level < 5", "2 of (role = boss, group = a, level > 5)"]) {
    const holder = await keyOf({ schema: SCHEMA, policy });
    await s.refuse("ERR_POLICY_UNSATISFIED", `refuses a key of ${policy}`, "abe-kp-decapsulate", {
      ...open,
      key: holder,
    });
  }
  const later = await keyOf(wanted, { epoch: EPOCH + 1 });
  await s.refuse("ERR_POLICY_UNSATISFIED", "refuses a key of another epoch", "abe-kp-decapsulate", {
    ...open,
    key: later,
  });
  const lying = key.replace(hexOf("role=analyst|"), hexOf("role=analysd|")).replace(hexOf("group=x"), hexOf("group=a"));
  await s.refuse(FAILED, "refuses a key that claims another policy", "abe-kp-decapsulate", { ...open, key: lying });
  const point = encodeHex(engine.g1.encode(engine.g1.generator));
  const components = 2 + 3 + 1 + 2;
  const first = ciphertext.length - 64 - 96 * components;
  const splice = (at: number, hex: string): string => ciphertext.slice(0, at) + hex + ciphertext.slice(at + hex.length);
  for (const [name, changed] of [
    ["with s·g2 changed", flip(ciphertext, first / 2 - 96 + 20)],
    ["with a component replaced", splice(first, point)],
    ["with a component replaced that the opener does not use", splice(first + 96 * 3, point)],
    ["with a component at infinity", splice(first, NO_G1)],
    ["with a component of order 3", splice(first, SMALL_G1)],
    ["with V changed", flip(ciphertext, -1)],
    ["with another attribute", ciphertext.replace(hexOf("DE"), hexOf("FR"))],
  ] as const) {
    if (changed === ciphertext) throw new Error(`nothing was changed: ${name}`);
    await s.refuse(FAILED, `refuses a ciphertext ${name}`, "abe-kp-decapsulate", { ...open, ciphertext: changed });
  }
  for (const [name, wrong] of [
    ["of the other version", `01${ciphertext.slice(2)}`],
    ["cut short", ciphertext.slice(0, -2)],
    ["with a byte left over", `${ciphertext}00`],
    ["that is empty", ""],
  ] as const) {
    await s.refuse("ERR_CIPHERTEXT_INVALID", `refuses a ciphertext ${name}`, "abe-kp-decapsulate", {
      ...open,
      ciphertext: wrong,
    });
  }
  return s.file();
}
