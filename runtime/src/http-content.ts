/**
 * Bodies are JSON, said to be JSON, and UTF-8. The bytes are kept beside the value, for digests and signatures.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { HttpApp } from "./http-app.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function addContentTypes(app: HttpApp): void {
  app.removeAllContentTypeParsers();
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser(
    /^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i,
    { parseAs: "buffer" },
    (request, body, done) => {
      const bytes = body as Buffer;
      request.rawBody = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      let text: string;
      try {
        text = decoder.decode(bytes);
      } catch {
        return done(new MilagroError("ERR_MESSAGE_INVALID", "the body is not UTF-8"));
      }
      if (text === "") return done(new MilagroError("ERR_MESSAGE_INVALID", "the body is empty"));
      parseJson(request, text, (error, value) => {
        // The parser's own message quotes the body.
        if (error) done(new MilagroError("ERR_MESSAGE_INVALID", "the body is not JSON"));
        else done(null, value);
      });
    },
  );
}
