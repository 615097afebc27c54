import { expect, test } from "vitest";
import { targetUri } from "../src/authenticate.ts";

const ORIGINS = ["https://kms.example.org", "http://127.0.0.1:7400", "https://kms.example.org:8443/"];

test.each<[string | undefined, string, string | undefined]>([
  ["kms.example.org", "/v1/secrets", "https://kms.example.org/v1/secrets"],
  ["KMS.Example.ORG", "/v1/secrets?x=1", "https://kms.example.org/v1/secrets?x=1"],
  ["127.0.0.1:7400", "/", "http://127.0.0.1:7400/"],
  ["kms.example.org:8443", "/a", "https://kms.example.org:8443/a"],
  ["kms.example.org:443", "/a", undefined], // clients leave the usual port out; one that does not signs another URI
  ["127.0.0.1", "/a", undefined],
  ["127.0.0.1:7401", "/a", undefined],
  ["localhost:7400", "/a", undefined],
  ["kms.example.org.evil.test", "/a", undefined],
  ["evil.test", "/a", undefined],
  ["", "/a", undefined],
  [undefined, "/a", undefined],
])("Host %s, target %s: %s", (host, target, expected) => {
  expect(targetUri(ORIGINS, host, target)).toBe(expected);
});
