import { relative } from "node:path";
import type { Reporter, TestModule } from "vitest/node";

/** Longest message that is repeated, in characters: the whole one stands above, where the test failed. */
const MESSAGE = 600;

function line(path: string, name: string, errors: readonly { message: string }[]): string {
  const message = (errors[0]?.message ?? "no error was given").replace(/\s+/g, " ").slice(0, MESSAGE);
  return `failed: ${path}${name === "" ? "" : ` > ${name}`}: ${message}\n`;
}

/**
 * Prints what scripts read, as the last lines: `failed: <file> > <test>: <message>` for every failure, so that the end of
 * a log says what happened, and `N passed, M failed, K skipped`. A file that fails to load, or something before or after
 * the tests of a suite, counts as one failure.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { message: string }[]): void {
    let passed = 0;
    let skipped = 0;
    const failures = unhandled.map((error) => line("outside of tests", "", [error]));
    for (const module of modules) {
      const path = relative(process.cwd(), module.moduleId);
      if (module.errors().length > 0) failures.push(line(path, "", module.errors()));
      for (const suite of module.children.allSuites()) {
        if (suite.errors().length > 0) failures.push(line(path, suite.fullName, suite.errors()));
      }
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === "passed") passed++;
        else if (result.state === "failed") failures.push(line(path, test.fullName, result.errors));
        else skipped++;
      }
    }
    // After the default reporter's own summary, so that these are the last lines.
    process.on("exit", () => {
      process.stdout.write(failures.join(""));
      process.stdout.write(`${passed} passed, ${failures.length} failed, ${skipped} skipped\n`);
    });
  }
}
