/**
 * The login page, at `/login` and `/interaction/:uid`.
 * @module
 */
import "../language-picker.ts";
import { startLanguage } from "../language-picker.ts";
import { type LoggedIn, MilagroLogin } from "../login.ts";

startLanguage();

const [, kind, uid] = location.pathname.split("/");
const login = document.querySelector("milagro-login");
if (login instanceof MilagroLogin && kind === "interaction" && uid) login.interaction = uid;
login?.addEventListener("milagro-login", (event) => {
  const { next } = (event as CustomEvent<LoggedIn>).detail;
  // To this server only: it sends the browser on to the application.
  const target = new URL(next ?? "/", location.href);
  if (target.origin === location.origin) location.assign(target);
});
