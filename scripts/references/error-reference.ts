import { EXIT } from '../../cli/output.ts';
import { ERRORS } from '../../toolkit/errors.ts';
import { markdownTable } from './markdown-table.ts';

const EXIT_MEANING: Readonly<Record<keyof typeof EXIT, string>> = {
  done: 'Done: reproduced, within tolerance, or nothing published to compare with.',
  error:
    'An error, or the run was cancelled. `verify`, `doctor`, `gpu install` and `model inspect --strict` end with it when they find a fault.',
  usage: 'Wrong usage: an unknown option, a wrong value, an invalid configuration.',
  partial:
    'Done in part: some ROIs or images failed. `summary.json` lists them; `npx reignite retry`, or the same `predict` command, runs them again.',
  differs: 'Done, and the verdict of a task is `differs`, or `model parity` found a difference above its tolerance.',
  hungUp: 'The terminal was closed. The run stays open.',
  interrupted: 'Ctrl-C. The run stays open; the same command resumes it.',
  brokenPipe: 'The program that read the output, such as `head`, closed it.',
  terminated: 'SIGTERM. The run stays open.',
};

/** Writes the reference of exit statuses and of all error codes with their remedies. */
export function errorReference(): string {
  const statuses = Object.entries(EXIT).map(([name, status]) => [`${status}`, EXIT_MEANING[name as keyof typeof EXIT]]);
  const codes = Object.entries(ERRORS).map(([code, { retryable, remedy }]) => [
    `\`${code}\``,
    retryable ? 'yes' : 'no',
    remedy,
  ]);
  return [
    '# Errors',
    'Every error has a code, one sentence that says what happened, and one that says what to do. With `--json` it is `{"error": {"code", "cause", "remedy"}}` on stdout. `--debug` adds the stack trace. In the Temporal UI, the code is the failure type of a failed workflow or activity.',
    '## Exit status',
    markdownTable(['Status', 'Meaning'], statuses),
    'Only `run`, `watch`, `retry` and `predict` end with 3; only `run`, `watch`, `retry`, `compare` and `model parity` end with 4. If several apply, the first of 2, 1, 3, 4 is used.',
    '## Error codes',
    'Codes are stable. In a run, an activity that fails with a retryable error is retried automatically, without limit while it makes progress. The message of an error may give a more precise remedy than this table.',
    markdownTable(['Code', 'Retryable', 'What to do'], codes),
  ].join('\n\n');
}
