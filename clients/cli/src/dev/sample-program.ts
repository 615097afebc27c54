/**
 * The small program of the demonstration: signs a request with the key in its environment and prints what it gets. It knows
 * nothing of Milagro.
 * @module
 */
import { createHmac } from "node:crypto";

const { SIGNING_KEY } = process.env;
const target = new URL("/orders/42", process.argv[2] ?? "");
const time = String(Math.floor(Date.now() / 1000));
const signature = createHmac("sha256", SIGNING_KEY ?? "")
  .update(`POST\n${target.pathname}\n${time}`)
  .digest("hex");
const response = await fetch(target, { method: "POST", headers: { "x-time": time, "x-signature": signature } });
process.stdout.write(`${response.status} ${await response.text()}`);
process.exitCode = response.ok ? 0 : 4;
