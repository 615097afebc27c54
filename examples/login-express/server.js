// An application that lets people log in with a PIN: Express and openid-client, nothing of ours. About what one writes for any
// OpenID provider; the login server insists on PKCE.
//
//   node server.js --login-server https://login.acme.example --secret-file secret --port 3000
//
// Register it first, and put the secret that is printed into the file:
//   milagro auth client add notes --redirect http://localhost:3000/callback --post-logout http://localhost:3000/ \
//     --backchannel-logout http://localhost:3000/logged-out --home login
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import express from "express";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as openid from "openid-client";

const { values } = parseArgs({
  options: {
    "login-server": { type: "string" },
    "secret-file": { type: "string" },
    id: { type: "string", default: "notes" },
    port: { type: "string", default: "3000" },
  },
});
const issuer = new URL(values["login-server"]);
const self = `http://localhost:${values.port}`;
const redirectUri = `${self}/callback`;
// Plain http is for trying it out on one machine.
const execute = issuer.protocol === "http:" ? [openid.allowInsecureRequests] : [];
const secret = readFileSync(values["secret-file"], "utf8").trim();
const provider = await openid.discovery(issuer, values.id, undefined, openid.ClientSecretBasic(secret), { execute });
const keys = createRemoteJWKSet(new URL(provider.serverMetadata().jwks_uri));

/** Who is logged in, by the random value of a cookie. A real application keeps this in its database. */
const sessions = new Map();
const COOKIE = /(?:^|; )notes=([A-Za-z0-9_-]{43})(?:;|$)/;
const sessionOf = (request) => sessions.get(COOKIE.exec(request.headers.cookie ?? "")?.[1]);

function startSession(response, session) {
  const id = randomBytes(32).toString("base64url");
  sessions.set(id, session);
  response.cookie("notes", id, { httpOnly: true, sameSite: "lax", secure: self.startsWith("https:") });
}

const app = express();

app.get("/", (request, response) => {
  const session = sessionOf(request);
  if (!session?.claims) return response.send('<p>Nobody is logged in. <a href="/login">Log in</a></p>');
  const name = session.claims.sub;
  response.send(
    `<p>Logged in as <b>${name}</b>, by ${session.claims.amr.join(" + ")}. <a href="/logout">Log out</a></p>`,
  );
});

app.get("/login", async (_request, response) => {
  const [verifier, state, nonce] = [openid.randomPKCECodeVerifier(), openid.randomState(), openid.randomNonce()];
  startSession(response, { verifier, state, nonce });
  const challenge = await openid.calculatePKCECodeChallenge(verifier);
  const parameters = {
    redirect_uri: redirectUri,
    scope: "openid",
    code_challenge: challenge,
    code_challenge_method: "S256",
    state,
    nonce,
  };
  response.redirect(openid.buildAuthorizationUrl(provider, parameters).href);
});

app.get("/callback", async (request, response) => {
  const begun = sessionOf(request);
  if (!begun?.verifier) return response.status(400).send("This login did not begin here.");
  const tokens = await openid.authorizationCodeGrant(provider, new URL(request.url, self), {
    pkceCodeVerifier: begun.verifier,
    expectedState: begun.state,
    expectedNonce: begun.nonce,
  });
  // A new value: whoever knew the cookie from before the login is not logged in.
  startSession(response, { claims: tokens.claims(), idToken: tokens.id_token });
  response.redirect("/");
});

app.get("/logout", (request, response) => {
  const session = sessionOf(request);
  const parameters = { post_logout_redirect_uri: `${self}/` };
  if (session?.idToken) parameters.id_token_hint = session.idToken;
  response.redirect(openid.buildEndSessionUrl(provider, parameters).href);
});

// The login server says here that somebody has logged out, wherever they did.
app.post("/logged-out", express.urlencoded({ extended: false }), async (request, response) => {
  const { payload } = await jwtVerify(request.body.logout_token, keys, { issuer: issuer.origin, audience: values.id });
  for (const [id, session] of sessions) if (session.claims?.sub === payload.sub) sessions.delete(id);
  response.status(200).end();
});

app.use((error, _request, response, _next) => {
  response.status(400).send("The login did not work out. <a href='/login'>Again</a>");
  console.error(error.code ?? error.message);
});

app.listen(Number(values.port), "127.0.0.1", () => console.log(`ready: ${self}`));
