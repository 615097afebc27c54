/**
 * The login page, at `/login`, `/interaction/:uid` and, on the way back from an OpenID provider, `/openid`.
 * @module
 */
import "../language-picker.ts";
import { startLanguage } from "../language-picker.ts";
import type { LoggedIn } from "../logged-in.ts";
import type { MilagroLogin } from "../login.ts";
import "../login.ts";

startLanguage();

const login = document.querySelector("milagro-login") as MilagroLogin;
let path = location.pathname;
if (path === "/openid") {
  // What the provider says leaves the address bar and the history at once; the person was on this path before (`openid-return.ts`).
  login.answer = location.search;
  login.setup = true;
  path = sessionStorage.getItem("milagro-before") ?? "/login";
  sessionStorage.removeItem("milagro-before");
  history.replaceState(null, "", path);
}
const [, kind, uid] = path.split("/");
if (kind === "interaction" && uid) login.interaction = uid;
login.addEventListener("milagro-login", (event) => {
  const { next } = (event as CustomEvent<LoggedIn>).detail;
  // To this server only: it sends the browser on to the application.
  const target = new URL(next ?? "/", location.href);
  if (target.origin === location.origin) location.assign(target);
});
