import fc from "fast-check";

/** Laws run 10 times by default and 1000 times with SLOW=1; one pairing costs about 20 ms on the slowest engine. */
fc.configureGlobal({ numRuns: process.env["SLOW"] === "1" ? 1000 : 10 });
