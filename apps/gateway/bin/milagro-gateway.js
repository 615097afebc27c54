#!/usr/bin/env node
import { launch } from "@milagro/runtime/launch";

await launch(import.meta.url, { service: true, streaming: true });
