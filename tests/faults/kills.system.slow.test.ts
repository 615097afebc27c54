import { test } from "vitest";
import { survive } from "./kills.ts";

test(
  "a D-TA, the D-KMS and the endpoint killed at random moments of the main job: nothing acknowledged is lost, nothing is done twice, all go on",
  () => survive(3),
  300_000,
);
