import { counted, timeText } from '../../toolkit/format.ts';
import type { Failure, RunPart, RunStep } from './run-steps.ts';

/** An answer of `why`, as JSON and as text. */
export interface Answer {
  readonly document: unknown;
  readonly lines: readonly string[];
}

export function failureLines({ code, cause, remedy }: Failure): string[] {
  return [`  ${code}: ${cause}`, `  ${remedy}`];
}

export function stepLine({ step, summary, outcome, attempts, runSeconds, workflow, event, failure }: RunStep): string {
  const tried = counted(attempts, 'attempt');
  const took = runSeconds === null ? '' : `, ${timeText(runSeconds)}`;
  const said = failure === undefined ? '' : `; ${failure.code}: ${failure.cause}`;
  return `  ${step} (${summary}): ${outcome}, ${tried}${took}${said} [event ${event} of ${workflow}]`;
}

/** Returns the activities that were retried or failed. */
export function troubledSteps(parts: readonly RunPart[]): readonly RunStep[] {
  return parts.flatMap((part) => part.steps.filter((step) => step.outcome !== 'completed' || step.attempts > 1));
}

/** @param steps - The result of {@link troubledSteps}. */
export function troubleLines(steps: readonly RunStep[]): string[] {
  if (steps.length === 0) return ['All activities succeeded on the first attempt.'];
  return ['Activities that were retried or failed:', ...steps.map(stepLine)];
}

/** Returns whether an activity has this name, or this summary in the Temporal UI. */
export function isCalled(word: string): (step: RunStep) => boolean {
  return ({ step, summary }) => step === word || summary === word;
}
