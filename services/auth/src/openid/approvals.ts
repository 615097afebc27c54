/**
 * Requests of applications that their user approves here, on a device with a token: the decoupled flow (CIBA). The user sees which
 * application asks and its message, and answers with the PIN: the login is bound to the message.
 *
 * Source: OpenID Connect Client-Initiated Backchannel Authentication 1.0 §7, §8.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import type { RandomBytes } from "@milagro/engine/engine";
import type { RecordDeps } from "./adapter.ts";

export interface Approval {
  readonly id: string;
  readonly userId: string;
  readonly client: string;
  readonly message: string | undefined;
  readonly expiresMs: number;
  /** How the provider calls the request. Whoever knows it may poll for the tokens: it stays here. */
  readonly request: string;
}

export interface Approvals {
  add(approval: Omit<Approval, "id">): Promise<string>;
  find(id: string): Promise<Approval | undefined>;
  /** Of one user, the newest first. */
  waiting(userId: string): Promise<readonly Approval[]>;
  /** Takes it away. @returns whether it was there: of two answers at once one counts */
  take(id: string): Promise<boolean>;
}

const ID_PREFIX = "ciba_";
/** Whether the name of an interaction is that of an approval. */
export const isApproval = (id: string): boolean => id.startsWith(ID_PREFIX);
/** What a user has waiting at most; more requests replace the oldest, so that an application cannot fill a screen. */
const MAX_WAITING = 8;

export function createApprovals({ store, seal, clock }: RecordDeps, random: RandomBytes): Approvals {
  const label = (id: string) => `approval\0${id}`;
  const rows = () => store.db.selectFrom("openid_approvals").selectAll().where("expires_ms", ">", clock());
  const opened = (row: Awaited<ReturnType<ReturnType<typeof rows>["execute"]>>[number]): Approval => ({
    id: row.id,
    userId: row.user_id,
    client: row.client,
    message: row.message ?? undefined,
    expiresMs: row.expires_ms,
    request: seal.open(label(row.id), row.sealed) as string,
  });
  const waiting = async (userId: string): Promise<readonly Approval[]> =>
    (await rows().where("user_id", "=", userId).orderBy("expires_ms", "desc").orderBy("id").execute()).map(opened);
  const take = async (id: string): Promise<boolean> => {
    const { numDeletedRows } = await store.db.deleteFrom("openid_approvals").where("id", "=", id).executeTakeFirst();
    return numDeletedRows > 0n;
  };
  return {
    waiting,
    take,
    find: async (id) => {
      const row = await rows().where("id", "=", id).executeTakeFirst();
      return row && opened(row);
    },
    add: async ({ userId, client, message, expiresMs, request }) => {
      for (const { id } of (await waiting(userId)).slice(MAX_WAITING - 1)) await take(id);
      const id = `${ID_PREFIX}${encodeBase64url(random(16))}`;
      await store.db
        .insertInto("openid_approvals")
        .values({
          id,
          user_id: userId,
          client,
          message: message ?? null,
          expires_ms: expiresMs,
          sealed: seal.seal(label(id), request),
        })
        .execute();
      return id;
    },
  };
}
