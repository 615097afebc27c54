/**
 * A self-signed P-256 certificate, made by openssl when it is first wanted: for peers that should not have one.
 * @module
 */
import { execFileSync } from "node:child_process";

export interface Certificate {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

let made: Certificate | undefined;

export function makeCertificate(): Certificate {
  if (!made) {
    const request =
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout - -out -";
    const pem = execFileSync("openssl", request.split(" "), { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const at = pem.indexOf("-----BEGIN CERTIFICATE-----");
    made = { key: pem.slice(0, at), cert: pem.slice(at) };
  }
  return made;
}
