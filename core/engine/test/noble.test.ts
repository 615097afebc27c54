import { createNobleEngine } from "../src/index.ts";
import { describeEngine } from "./engine-contract.ts";

describeEngine("noble", createNobleEngine);
