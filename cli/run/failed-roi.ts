import { remedyOf } from '../../toolkit/remedy-of.ts';
import type { TaskSummary } from '../../toolkit/report/summary.ts';

/** An ROI that failed, with what a person can do about it. */
export function failedRoiLines({ roi, code, cause, remedy }: TaskSummary['failures'][number]): string[] {
  return [`  ${roi}: ${code}: ${cause}`, `    ${remedy ?? remedyOf(code)}`];
}
