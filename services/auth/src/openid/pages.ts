/**
 * The provider's own pages: connecting a device by its code, logging out, and what went wrong. Plain HTML without script, and one
 * stylesheet of our own, so that the content security policy of the login pages holds here too.
 * @module
 */
import { LANGUAGES, type Language } from "@milagro/protocol/login-messages";
import type { KoaContextWithOIDC } from "oidc-provider";
import { PAGE_TEXTS } from "./page-texts.ts";

export const STYLESHEET_PATH = "/oidc/style.css";
export const STYLESHEET = `:root { color-scheme: light dark; --ink: light-dark(#17212b, #e8edf2); --soft: light-dark(#51606e, #a4b1bd);
  --ground: light-dark(#f4f6f8, #10161c); --card: light-dark(#fff, #1a232c); --line: light-dark(#cfd7de, #35424e); --accent: light-dark(#0b5cad, #6db3f2); }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; box-sizing: border-box; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 24rem; box-sizing: border-box; padding: 2rem 1.5rem; border: 1px solid var(--line); border-radius: 1rem; background: var(--card); }
h1 { margin: 0 0 .75rem; font-size: 1.375rem; line-height: 1.25; }
p { margin: 0 0 1rem; color: var(--soft); }
code { display: block; margin: 0 0 1.25rem; font: 600 1.75rem/1.2 ui-monospace, monospace; letter-spacing: .1em; text-align: center; direction: ltr; }
label { display: block; margin-bottom: .25rem; }
input { width: 100%; box-sizing: border-box; margin-bottom: 1rem; padding: .75rem; border: 1px solid var(--line); border-radius: .5rem; background: transparent;
  color: inherit; font: 1.25rem ui-monospace, monospace; letter-spacing: .1em; text-transform: uppercase; direction: ltr; }
button { display: block; width: 100%; min-height: 3rem; margin-top: .5rem; border: 1px solid var(--accent); border-radius: .5rem; background: var(--accent);
  color: light-dark(#fff, #10161c); font: inherit; font-weight: 600; cursor: pointer; }
button.quiet { background: transparent; color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
[role=alert] { color: light-dark(#a3211b, #ff9d96); }
`;

/** The best of the languages that we have for `Accept-Language`; English for anything else. */
export function languageOf(ctx: Pick<KoaContextWithOIDC, "acceptsLanguages">): Language {
  return (ctx.acceptsLanguages(...LANGUAGES) || "en") as Language;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] as string);

/** Values that the provider writes into a form of its own making; `op.…` forms hold nothing else. */
function hiddenFields(form: string): { readonly action: string; readonly fields: string } {
  const action = /<form [^>]*action="([^"]*)"/.exec(form)?.[1];
  if (action === undefined) throw new TypeError("the provider's form has no action");
  return { action, fields: (form.match(/<input type="hidden"[^>]*>/g) ?? []).join("") };
}

function send(ctx: KoaContextWithOIDC, language: Language, title: string, body: string): void {
  const direction = language === "ar" ? ' dir="rtl"' : "";
  ctx.type = "html";
  ctx.set("cache-control", "no-store");
  ctx.body = `<!doctype html>
<html lang="${language}"${direction}>
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><link rel="stylesheet" href="${STYLESHEET_PATH}"></head>
<body><main><h1>${title}</h1>${body}</main></body>
</html>
`;
}

const nameOf = (ctx: KoaContextWithOIDC): string => {
  const client = ctx.oidc.client;
  return escapeHtml(client?.clientName ?? client?.clientId ?? "");
};

/** Asks for the code of a device. */
export function deviceInputPage(ctx: KoaContextWithOIDC, form: string, _out?: unknown, error?: unknown): void {
  const language = languageOf(ctx);
  const text = PAGE_TEXTS[language];
  const { action, fields } = hiddenFields(form);
  const wrong = error ? `<p role="alert">${text.deviceWrong}</p>` : "";
  const field = `<label for="code">${text.deviceCode}</label><input id="code" name="user_code" autocomplete="off" autocapitalize="characters" spellcheck="false" autofocus required maxlength="16">`;
  send(
    ctx,
    language,
    text.deviceTitle,
    `<p>${text.deviceAsk}</p>${wrong}<form method="post" action="${action}">${fields}${field}<button>${text.next}</button></form>`,
  );
}

/** Shows the code again, with the name of the application: the user compares it with the device. */
export function deviceConfirmPage(
  ctx: KoaContextWithOIDC,
  form: string,
  _client: unknown,
  _info: unknown,
  code: string,
): void {
  const language = languageOf(ctx);
  const text = PAGE_TEXTS[language];
  const { action, fields } = hiddenFields(form);
  const cancel = `<button class="quiet" name="abort" value="yes">${text.cancel}</button>`;
  send(
    ctx,
    language,
    text.confirmTitle,
    `<p>${text.confirmAsk.replace("{app}", `<strong>${nameOf(ctx)}</strong>`)}</p><code>${escapeHtml(code)}</code><form method="post" action="${action}">${fields}<button>${text.next}</button>${cancel}</form>`,
  );
}

export function deviceDonePage(ctx: KoaContextWithOIDC): void {
  const language = languageOf(ctx);
  send(ctx, language, PAGE_TEXTS[language].doneTitle, `<p>${PAGE_TEXTS[language].done}</p>`);
}

/** Asks whether to log out: a link alone must not be able to. */
export function logoutPage(ctx: KoaContextWithOIDC, form: string): void {
  const language = languageOf(ctx);
  const text = PAGE_TEXTS[language];
  const { action, fields } = hiddenFields(form);
  const yes = `<button name="logout" value="yes">${text.logoutYes}</button>`;
  const no = `<button class="quiet">${text.logoutNo}</button>`;
  send(
    ctx,
    language,
    text.logoutTitle,
    `<p>${text.logoutAsk}</p><form method="post" action="${action}">${fields}${yes}${no}</form>`,
  );
}

export function loggedOutPage(ctx: KoaContextWithOIDC): void {
  const language = languageOf(ctx);
  send(ctx, language, PAGE_TEXTS[language].loggedOutTitle, `<p>${PAGE_TEXTS[language].loggedOut}</p>`);
}

/** The code of the error and nothing of the request: what a link says is not repeated on our pages. */
export function errorPage(ctx: KoaContextWithOIDC, out: { readonly error?: string }): void {
  const language = languageOf(ctx);
  const text = PAGE_TEXTS[language];
  const code = /^[a-z_]{1,64}$/.test(out.error ?? "") ? `<p><small>${out.error}</small></p>` : "";
  send(ctx, language, text.errorTitle, `<p>${text.error}</p>${code}`);
}
