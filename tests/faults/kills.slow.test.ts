import { test } from "vitest";
import { survive } from "./kills.ts";

test(
  "sixty kills at random moments: nothing acknowledged is lost, nothing is done twice, all go on",
  () => survive(60),
  600_000,
);
