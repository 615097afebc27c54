/**
 * IBE of the same bytes, whole: ours (`sealEnvelope`, `openEnvelope`), tlock-js, @mysten/seal. All three multiply in the
 * same groups; what differs: tlock-js encrypts 32 bytes at most and to one authority; Seal takes a pairing per key server
 * to decrypt, ours takes one for the sum of all. No network: the inner modules of both are called directly.
 * @module
 */
import { equalBytes, utf8 } from "@milagro/crypto/bytes";
import { parseDomainId } from "@milagro/crypto/domain-id";
import { openEnvelope, sealEnvelope } from "@milagro/crypto/envelope";
import { parseEpoch } from "@milagro/crypto/epoch";
import { parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import type { Reporter, Run } from "../harness/reporter.ts";
import { keyOf, localDomain } from "./operations.ts";

const BYTES = 32;

interface IbePeer {
  readonly encrypt: Run;
  readonly decrypt: Run;
}

export async function compareIbe(report: Reporter, engine: Engine, random: RandomBytes): Promise<void> {
  const plaintext = random(BYTES);
  for (const authorities of [1, 3]) {
    const ours = ourIbe(engine, random, authorities, plaintext);
    const peers: Record<string, IbePeer> = { "@mysten/seal": await sealPeer(authorities, plaintext) };
    if (authorities === 1) peers["tlock-js"] = await tlockPeer(plaintext);
    const of = (what: keyof IbePeer) =>
      Object.fromEntries(Object.entries(peers).map(([name, peer]) => [name, peer[what]]));
    const whom = authorities === 1 ? "1 authority" : `${authorities} authorities`;
    await report.compare(`IBE encrypt ${BYTES} bytes, ${whom}`, ours.encrypt, of("encrypt"));
    await report.compare(`IBE decrypt ${BYTES} bytes, ${whom}`, ours.decrypt, of("decrypt"));
  }
}

function ourIbe(engine: Engine, random: RandomBytes, authorities: number, plaintext: Uint8Array): IbePeer {
  const domain = localDomain(engine, random, authorities);
  const { publicKey } = domain;
  const domainId = parseDomainId(random(32));
  const recipient = { identity: parseIdentity("milagro:bench.example/endpoint/one"), epoch: parseEpoch(497_000) };
  const key = keyOf(domain, identityInput(domainId, "enc", recipient.identity, recipient.epoch), "enc");
  const context = new Uint8Array();
  const encrypt = () =>
    sealEnvelope(engine, random, { domainId, publicKey, recipients: [recipient], context, plaintext });
  const envelope = encrypt();
  return { encrypt, decrypt: () => openEnvelope(engine, key, { domainId, publicKey, recipient, context, envelope }) };
}

interface TlockIbe {
  encryptOnG2RFC9380(master: Uint8Array, id: Uint8Array, message: Uint8Array): Promise<unknown>;
  decryptOnG2(key: Uint8Array, ciphertext: unknown): Promise<Uint8Array>;
}

/** What tlock-js does to the file key of a timelock file: keys in G1, as drand's quicknet has them. */
async function tlockPeer(plaintext: Uint8Array): Promise<IbePeer> {
  const path: string = "tlock-js/crypto/ibe.js";
  const { encryptOnG2RFC9380, decryptOnG2 } = (await import(path)) as TlockIbe;
  const { G1, G2, fields, utils } = bls12_381;
  const id = utf8("round 1");
  const secret = fields.Fr.fromBytes(utils.randomSecretKey());
  const master = G2.Point.BASE.multiply(secret).toBytes();
  const hashed = G1.hashToCurve(id, { DST: "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_" });
  const key = hashed.multiply(secret).toBytes();
  const ciphertext = await encryptOnG2RFC9380(master, id, plaintext);
  const decrypt = () => decryptOnG2(key, ciphertext);
  expectSame(await decrypt(), plaintext, "tlock-js");
  return { encrypt: () => encryptOnG2RFC9380(master, id, plaintext), decrypt };
}

/** The parts of Seal's inner modules that its own client calls. */
interface SealModules {
  encrypt(options: object): Promise<{ readonly encryptedObject: Uint8Array }>;
  decrypt(options: object): Promise<Uint8Array>;
  readonly EncryptedObject: { parse(bytes: Uint8Array): object };
  readonly AesGcm256: new (data: Uint8Array, aad: Uint8Array) => object;
  readonly G1Element: { fromBytes(bytes: Uint8Array): object };
  hashToG1(id: Uint8Array): { readonly point: InstanceType<typeof bls12_381.G1.Point> };
  createFullId(packageId: string, id: string): string;
}

/** All of n key servers needed, as all our authorities are. */
async function sealPeer(servers: number, plaintext: Uint8Array): Promise<IbePeer> {
  const seal = await sealModules();
  const { G2, fields, utils } = bls12_381;
  const packageId = `0x${"11".repeat(32)}`;
  const id = "6f6e65";
  const fullId = seal.createFullId(packageId, id);
  const hashed = seal.hashToG1(Uint8Array.from(Buffer.from(fullId.replace(/^0x/, ""), "hex"))).point;
  const keyServers: { objectId: string; pk: Uint8Array }[] = [];
  const keys = new Map<string, object>();
  for (let i = 0; i < servers; i++) {
    const secret = fields.Fr.fromBytes(utils.randomSecretKey());
    const objectId = `0x${(i + 1).toString(16).padStart(64, "0")}`;
    keyServers.push({ objectId, pk: G2.Point.BASE.multiply(secret).toBytes() });
    keys.set(`${fullId}:${objectId}`, seal.G1Element.fromBytes(hashed.multiply(secret).toBytes()));
  }
  const encrypt = () =>
    seal.encrypt({
      keyServers,
      kemType: 0,
      threshold: servers,
      packageId,
      id,
      encryptionInput: new seal.AesGcm256(plaintext, new Uint8Array()),
    });
  const { encryptedObject } = await encrypt();
  const decrypt = () => seal.decrypt({ encryptedObject: seal.EncryptedObject.parse(encryptedObject), keys });
  expectSame(await decrypt(), plaintext, "@mysten/seal");
  return { encrypt, decrypt };
}

/** By file: the package's entry is a client that begins with a look-up on a chain. */
async function sealModules(): Promise<SealModules> {
  const entry = import.meta.resolve("@mysten/seal");
  const names = ["encrypt", "decrypt", "bcs", "dem", "kdf", "bls12381", "utils"];
  const modules: object[] = await Promise.all(names.map((name) => import(new URL(`./${name}.mjs`, entry).href)));
  return Object.assign({}, ...modules) as SealModules;
}

/** A peer that does not decrypt what it encrypted is not being measured. */
function expectSame(got: Uint8Array, wanted: Uint8Array, who: string): void {
  if (!equalBytes(got, wanted)) throw new Error(`${who}: the plaintext did not come back`);
}
