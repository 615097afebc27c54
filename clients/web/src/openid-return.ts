/**
 * The way to an OpenID provider and back. It sends the browser to `/openid`, which is the login page: where the person was before, for
 * an application's login, is kept in the tab.
 * @module
 */
import type { OpenIdAnswer } from "@milagro/client/mpin-enrol";

const INTERACTION = /^\/interaction\/[A-Za-z0-9_-]{1,128}$/;

/** Before the browser goes. The login page takes it. */
export function leaveForLogin(): void {
  if (INTERACTION.test(location.pathname)) sessionStorage.setItem("milagro-before", location.pathname);
}

/** From the query that the browser came back with. */
export function parseAnswer(text: string): OpenIdAnswer {
  const query = new URLSearchParams(text);
  // A parameter that is there twice is as good as none: RFC 6749 §3.1 forbids it.
  const once = (name: string) => {
    const [value, ...more] = query.getAll(name);
    return more.length === 0 ? value : undefined;
  };
  return { state: once("state"), code: once("code"), error: once("error"), iss: once("iss") };
}
