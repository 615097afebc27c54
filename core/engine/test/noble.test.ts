import { createNobleEngine } from "../src/noble.ts";
import { describeEngine } from "./engine-contract.ts";

describeEngine("noble", createNobleEngine);
