/**
 * `milagro-auth init`: the home folder of a login server, with its configuration and its sealed keys.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { utf8 } from "@milagro/crypto/bytes";
import type { Identity } from "@milagro/crypto/identity";
import { makePrivateFolder, writeFileAtomic } from "@milagro/runtime/atomic-file";
import type { Passphrase } from "@milagro/runtime/passphrase";
import { loadDomain } from "./auth.ts";
import type { Home } from "./config.ts";
import { createKeys } from "./keys.ts";
import { keepJoinTokens, serverIdentity } from "./server-secret.ts";

export interface InitOptions {
  readonly home: Home;
  readonly passphrase: Passphrase;
  readonly service: string;
  /** Absolute. */
  readonly domainFile: string;
  readonly pin: string | undefined;
  readonly joinTokensFile: string | undefined;
  /** Written into the configuration as they are. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What the operators of the D-TAs are told. */
export interface Initialised {
  /** Whom the join tokens are for, with usage `mpin-server`. */
  readonly server: Identity;
  /** For `loginServers` of their policies: approves further devices. */
  readonly approvalKey: { readonly kty: "OKP"; readonly crv: "Ed25519"; readonly x: string };
}

/** @throws `ERR_FILE_EXISTS` in a home that has keys already; what is wrong with the domain or the tokens */
export async function initAuth(options: InitOptions): Promise<Initialised> {
  const { home, passphrase, service, domainFile, pin, joinTokensFile, settings } = options;
  const { domain } = await loadDomain(domainFile, pin);
  const server = serverIdentity(domain.name, service);
  await makePrivateFolder(home.folder);
  const keys = await createKeys(home.keys, passphrase);
  try {
    if (joinTokensFile !== undefined) await keepJoinTokens(keys, joinTokensFile, domain.authorities.length);
    const config = { v: 1, service, domain: domainFile, pin: encodeBase64url(domain.domainId), ...settings };
    await writeFileAtomic(home.config, utf8(`${JSON.stringify(config, null, 2)}\n`));
    return { server, approvalKey: { kty: "OKP", crv: "Ed25519", x: encodeBase64url(keys.approvalPublicKey) } };
  } finally {
    await keys.close();
  }
}
