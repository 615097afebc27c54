/**
 * The way back from an OpenID provider: it sends the browser to `/openid`, which is the login page. Where the person was before, for
 * an application's login, is kept in the tab; what the provider says leaves the address bar and the history at once.
 * @module
 */
import type { OpenIdAnswer } from "@milagro/client/mpin-enrol";

const PATH = "/openid";
const BEFORE = "milagro-before-openid";
const INTERACTION = /^\/interaction\/[A-Za-z0-9_-]{1,128}$/;

/** Before the browser goes. */
export function leaveForLogin(): void {
  if (INTERACTION.test(location.pathname)) sessionStorage.setItem(BEFORE, location.pathname);
}

/** When it comes back. @returns what the provider says, if it does */
export function returnedAnswer(): OpenIdAnswer | undefined {
  if (location.pathname !== PATH) return undefined;
  const query = new URLSearchParams(location.search);
  const before = sessionStorage.getItem(BEFORE) ?? "";
  sessionStorage.removeItem(BEFORE);
  history.replaceState(null, "", INTERACTION.test(before) ? before : "/login");
  // A parameter that is there twice is as good as none: RFC 6749 §3.1 forbids it.
  const once = (name: string) => {
    const [value, ...more] = query.getAll(name);
    return more.length === 0 ? value : undefined;
  };
  return { state: once("state"), code: once("code"), error: once("error"), iss: once("iss") };
}
