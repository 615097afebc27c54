/** GetObjectAttributes as awscli asks for it: a composite checksum is verified with nothing but the file and the answer. */
import { createHash } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { needs } from "../../../tests/support/needs.ts";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { clientsOf, ok } from "./clients.ts";
import { bytesOf, startWorld } from "./world.ts";

const Bucket = "by-aws";
let home: string;
let world: Awaited<ReturnType<typeof startWorld>>;
beforeAll(async () => {
  home = await makeTempFolder();
  world = await startWorld(home);
});
afterAll(async () => {
  await world.close();
  await rm(home, { recursive: true, force: true });
});

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

needs("aws")(
  "awscli: attributes of a file in parts verify it part by part and as a whole; what is missing or not known is refused",
  async () => {
    const { aws } = await clientsOf(home, world.running.url, world.staff);
    const api = (command: string, ...more: string[]) =>
      aws("s3api", command, "--output", "json", "--bucket", Bucket, ...more);
    const json = async (...call: Parameters<typeof api>) => JSON.parse(await ok(api(...call)));
    const attributes = (key: string, names: readonly string[], ...more: string[]) =>
      api("get-object-attributes", "--key", key, "--object-attributes", ...names, ...more);
    await ok(api("create-bucket"));
    const whole = Buffer.concat([bytesOf(5 * 1024 * 1024, 1), bytesOf(1001, 2)]);
    const pieces = [whole.subarray(0, -1001), whole.subarray(-1001)];
    const { UploadId } = await json("create-multipart-upload", "--key", "k", "--checksum-algorithm", "SHA256");
    const Parts: object[] = [];
    for (const [i, piece] of pieces.entries()) {
      await writeFile(join(home, `piece-${i + 1}`), piece);
      const of = ["--key", "k", "--upload-id", UploadId, "--part-number", `${i + 1}`, "--body", `piece-${i + 1}`];
      const { ETag, ChecksumSHA256 } = await json("upload-part", ...of, "--checksum-algorithm", "SHA256");
      Parts.push({ PartNumber: i + 1, ETag, ChecksumSHA256 });
    }
    const list = ["--multipart-upload", JSON.stringify({ Parts })];
    await ok(api("complete-multipart-upload", "--key", "k", "--upload-id", UploadId, ...list));

    const all = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
    const answer = JSON.parse(await ok(attributes("k", all)));
    expect(answer).toMatchObject({ StorageClass: "STANDARD", ObjectSize: whole.length });
    expect(answer.ETag).toMatch(/^[0-9a-f]{32}-2$/);
    const outer = createHash("sha256");
    let at = 0;
    for (const { Size, ChecksumSHA256 } of answer.ObjectParts.Parts) {
      const digest = sha256(whole.subarray(at, at + Size));
      expect(ChecksumSHA256).toBe(digest.toString("base64"));
      outer.update(digest);
      at += Size;
    }
    expect([at, answer.ObjectParts.TotalPartsCount]).toEqual([whole.length, 2]);
    expect(answer.Checksum.ChecksumSHA256).toBe(`${outer.digest("base64")}-2`);

    const second = JSON.parse(
      await ok(attributes("k", ["ObjectParts"], "--part-number-marker", "1", "--max-parts", "1")),
    );
    expect(second.ObjectParts.Parts).toEqual([answer.ObjectParts.Parts[1]]);
    expect(second.ETag).toBeUndefined();
    expect((await attributes("nothing", ["ETag"])).stderr).toContain("NoSuchKey");
    expect((await attributes("k", ["Etag"])).stderr).toContain("InvalidArgument");
    expect((await attributes("k", [""])).stderr).toContain("InvalidRequest");
  },
  60_000,
);
