import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that start real processes and wait for them; begun first, they do not hold up the end of the run. */
const LONG = [/\/tests\/(?:e2e|faults)\//, /\/services\/[^/]+\/test\//, /\/clients\/[^/]+\/test\//];

function rank(specification: TestSpecification): number {
  const found = LONG.findIndex((pattern) => pattern.test(specification.moduleId));
  return found < 0 ? LONG.length : found;
}

export default class LongFirstSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}
