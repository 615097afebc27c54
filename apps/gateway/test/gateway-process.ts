/**
 * A gateway in a process of its own, of a domain made on the spot: prints its address and an access key, ends with its standard input.
 * Arguments: a folder for everything, and the address of an S3 store or nothing for a folder.
 * @module
 */
import { openS3Backend } from "../src/backend/s3.ts";
import { startWorld } from "./world.ts";

const [home = "", endpoint] = process.argv.slice(2);
const credentials = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };
const world = await startWorld(
  home,
  endpoint === undefined ? {} : { backend: openS3Backend({ region: "us-east-1", endpoint, credentials }) },
);
const { staff, running } = world;
process.stdout.write(`${JSON.stringify({ url: running.url, id: staff.id, secret: staff.secret })}\n`);
process.stdin.resume();
process.stdin.on("end", () => void world.close().then(() => process.exit(0)));
