import type { Reporter, TestCase } from 'vitest/node';

/**
 * Ends the output with `N passed, N failed`, so that the last line of a log shows the result. Lists tests that passed
 * only when repeated: each has a race to be found.
 */
export default class ClosingLineReporter implements Reporter {
  #passed = 0;
  #failed = 0;
  #skipped = 0;
  readonly #flaky: string[] = [];

  onTestCaseResult(test: TestCase): void {
    const { state } = test.result();
    if (state === 'passed') this.#passed += 1;
    if (test.diagnostic()?.flaky)
      this.#flaky.push(`Passed only when repeated: ${test.module.moduleId} > ${test.fullName}\n`);
    if (state === 'failed') this.#failed += 1;
    if (state === 'skipped') this.#skipped += 1;
  }

  onTestRunEnd(_modules: unknown, errors: readonly unknown[]): void {
    const failed = this.#failed + errors.length;
    const skipped = this.#skipped > 0 ? `, ${this.#skipped} skipped` : '';
    process.on('exit', () =>
      process.stdout.write(`${this.#flaky.join('')}${this.#passed} passed, ${failed} failed${skipped}\n`),
    );
  }
}
