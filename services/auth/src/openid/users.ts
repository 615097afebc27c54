/**
 * Users, as the provider knows them.
 * @module
 */
import type { AuthContext } from "../context.ts";
import type { UserRow } from "../store-schema.ts";
import type { OpenIdUser, OpenIdUsers } from "./provider.ts";

export function usersOf({ store }: Pick<AuthContext, "store">): OpenIdUsers {
  const find = async (column: "id" | "user", value: string): Promise<OpenIdUser | undefined> =>
    toUser(await store.db.selectFrom("auth_users").selectAll().where(column, "=", value).executeTakeFirst());
  return { byId: (id) => find("id", id), byName: (user) => find("user", user) };
}

const toUser = (row: UserRow | undefined): OpenIdUser | undefined =>
  row && { id: row.id, user: row.user, blocked: row.blocked === 1 };
