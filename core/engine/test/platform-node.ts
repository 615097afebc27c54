/**
 * The same in a Node of one's choice: `node --conditions=@milagro/source platform-node.ts <corpus>`.
 * @module
 */
import { readFileSync } from "node:fs";
import { createEngine, ENGINE_TIERS } from "../src/index.ts";
import { random, runTiers } from "./platform-page.ts";

const corpus = JSON.parse(readFileSync(process.argv[2] as string, "utf8"));
const reports = await runTiers(ENGINE_TIERS, (tier) => createEngine({ random, tier }), corpus);
process.stdout.write(JSON.stringify(reports));
