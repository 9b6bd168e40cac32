import { type RecordKind, verdictText } from '../../toolkit/dataset/provenance.ts';
import { timeText } from '../../toolkit/quantity-text.ts';
import type { TaskSummary } from '../../toolkit/report/summary.ts';
import { counted } from '../../toolkit/text.ts';
import { failedRoiLines } from '../run/failed-roi.ts';
import type { Failure } from './failure-in.ts';
import type { RunStep } from './run-steps.ts';
import type { RoiAnswer } from './why-roi.ts';

export function failureLines({ code, cause, remedy }: Failure): string[] {
  return [`  ${code}: ${cause}`, `  ${remedy}`];
}

export function roiLines({ task, roi, state, because, failure, steps }: RoiAnswer): string[] {
  return [
    `${task} ${roi}: ${state}`,
    ...(failure === undefined ? [`  ${because}`] : failureLines(failure)),
    ...steps.map(stepLine),
  ];
}

export function stepLine({ step, summary, outcome, attempts, runSeconds, workflow, event, failure }: RunStep): string {
  const tried = counted(attempts, 'attempt');
  const took = runSeconds === null ? '' : `, ${timeText(runSeconds)}`;
  const said = failure === undefined ? '' : `; ${failure.code}: ${failure.cause}`;
  return `  ${step} (${summary}): ${outcome}, ${tried}${took}${said} [event ${event} of ${workflow}]`;
}

export function taskLines(task: string, { rois, verdict, failures }: TaskSummary, kind: RecordKind): string[] {
  const { total, computed, cached, failed } = rois;
  return [
    `${task}: ${verdictText(kind, verdict)}; ${counted(total, 'ROI')}, ${computed} computed, ${cached} from the cache, ${failed} failed`,
    ...failures.flatMap(failedRoiLines),
  ];
}
