/**
 * The login page, at `/login`, `/interaction/:uid` and, on the way back from an OpenID provider, `/openid`.
 * @module
 */
import "../language-picker.ts";
import { startLanguage } from "../language-picker.ts";
import { type LoggedIn, MilagroLogin } from "../login.ts";
import { returnedAnswer } from "../openid-return.ts";

startLanguage();

const answer = returnedAnswer();
const [, kind, uid] = location.pathname.split("/");
const login = document.querySelector("milagro-login");
if (login instanceof MilagroLogin && kind === "interaction" && uid) login.interaction = uid;
if (login instanceof MilagroLogin && answer) {
  login.answer = answer;
  login.setup = true;
}
login?.addEventListener("milagro-login", (event) => {
  const { next } = (event as CustomEvent<LoggedIn>).detail;
  // To this server only: it sends the browser on to the application.
  const target = new URL(next ?? "/", location.href);
  if (target.origin === location.origin) location.assign(target);
});
