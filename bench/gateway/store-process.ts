/**
 * s3rver in a process of its own: prints its address, ends with its standard input. Argument: a folder.
 * @module
 */
import S3rver from "s3rver";

const [directory = ""] = process.argv.slice(2);
const store = new S3rver({ port: 0, address: "127.0.0.1", directory, silent: true });
const { port } = await store.run();
process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}`, id: "S3RVER", secret: "S3RVER" })}\n`);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
