import { describeRun, type RunDescription, summaryOf } from '../../runtime/run/describe-run.ts';
import { findRun } from '../../runtime/run/find-run.ts';
import { type RecordKind, verdictText } from '../../toolkit/dataset/provenance.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { counted, timeText } from '../../toolkit/format.ts';
import type { Summary, TaskSummary } from '../../toolkit/report/summary.ts';
import { EXIT, printable, printResult } from '../output.ts';
import { failedRoiLines } from '../run/run-report.ts';
import { withHomeServer } from '../with-home-server.ts';
import { type Failure, partsOf, type RunPart, type RunStep } from './run-steps.ts';
import { explainRois, type RoiAnswer } from './why-roi.ts';

function failureLines({ code, cause, remedy }: Failure): string[] {
  return [`  ${code}: ${cause}`, `  ${remedy}`];
}

function roiLines({ task, roi, state, because, failure, steps }: RoiAnswer): string[] {
  return [
    `${task} ${roi}: ${state}`,
    ...(failure === undefined ? [`  ${because}`] : failureLines(failure)),
    ...steps.map(stepLine),
  ];
}

function stepLine({ step, summary, outcome, attempts, runSeconds, workflow, event, failure }: RunStep): string {
  const tried = counted(attempts, 'attempt');
  const took = runSeconds === null ? '' : `, ${timeText(runSeconds)}`;
  const said = failure === undefined ? '' : `; ${failure.code}: ${failure.cause}`;
  return `  ${step} (${summary}): ${outcome}, ${tried}${took}${said} [event ${event} of ${workflow}]`;
}

function taskLines(task: string, { rois, verdict, failures }: TaskSummary, kind: RecordKind): string[] {
  const { total, computed, cached, failed } = rois;
  return [
    `${task}: ${verdictText(kind, verdict)}; ${counted(total, 'ROI')}, ${computed} computed, ${cached} from the cache, ${failed} failed`,
    ...failures.flatMap(failedRoiLines),
  ];
}

/** What is known of a run: from Temporal, its history and its results folder. */
interface KnownRun {
  readonly description: RunDescription;
  readonly parts: readonly RunPart[];
  readonly summary?: Summary;
}

/**
 * `reignite why`: why a run ended as it did; why an ROI was computed, taken from the cache, left out or failed; how
 * often an activity was tried, and where it is in the history.
 *
 * @param words - A run, an ROI or an activity, or a run and one of these. One word is first looked for in the newest
 *   run.
 * @throws ReigniteError RUN_NOT_FOUND; USAGE when the run knows no such ROI or step.
 */
export async function whyCommand(
  words: readonly string[],
  { json = false }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  const [first, second] = words;
  const answer = await withHomeServer(signal, [], async (session) => {
    const { client } = session;
    const known = async (part: string | undefined): Promise<KnownRun> => {
      const execution = await findRun(client, part);
      const summary = await summaryOf(execution);
      const description = await describeRun(session, execution);
      return { description, parts: await partsOf(client, execution), ...(summary === undefined ? {} : { summary }) };
    };
    if (second !== undefined) return answerOn(await known(first), second);
    const newest = await known(undefined);
    if (first === undefined) return answerRun(newest);
    const there = await tryAnswer(newest, first);
    return there ?? answerRun(await known(first));
  });
  printResult(json ? JSON.stringify(answer.document, null, 1) : printable(answer.lines.join('\n')));
  return EXIT.done;
}

interface Answer {
  readonly document: unknown;
  readonly lines: readonly string[];
}

async function answerOn(run: KnownRun, word: string): Promise<Answer> {
  const answer = await tryAnswer(run, word);
  if (answer !== undefined) return answer;
  throw new ReigniteError('USAGE', `The run ${run.description.run} has no ROI or activity ${word}.`, {
    remedy: 'Run `npx reignite why RUN` to list its failures; ROI names are file names in its results folder.',
  });
}

async function tryAnswer({ description, parts, summary }: KnownRun, word: string): Promise<Answer | undefined> {
  const id = description.run;
  const digest = id.split('/').at(-1) ?? '';
  const of = { id, digest, parts, ...(summary === undefined ? {} : { summary }) };
  const rois = await explainRois(word, of, homeFromEnvironment());
  if (rois.length > 0) return { document: { run: id, rois }, lines: rois.flatMap(roiLines) };
  const steps = parts.flatMap((part) =>
    part.workflow === `${id}/${word}` ? part.steps : part.steps.filter(isCalled(word)),
  );
  return steps.length === 0 ? undefined : { document: { run: id, steps }, lines: [id, ...steps.map(stepLine)] };
}

function isCalled(word: string): (step: RunStep) => boolean {
  return ({ step, summary }) => step === word || summary === word;
}

function answerRun({ description, parts, summary }: KnownRun): Answer {
  const { run, status } = description;
  const failure = parts.find(({ workflow }) => workflow === run)?.failure;
  const steps = parts.flatMap((part) => part.steps.filter((step) => step.outcome !== 'completed' || step.attempts > 1));
  const { tasks = {}, interventions = [] } = summary ?? {};
  return {
    document: { run, status, failure: failure ?? null, tasks, interventions, steps },
    lines: [
      `${run}: ${status}`,
      ...(failure === undefined ? [] : failureLines(failure)),
      ...Object.entries(tasks).flatMap(([task, each]) =>
        taskLines(task, each, description.provenance?.kind ?? 'other'),
      ),
      ...interventions.map(({ at, what }) => `${at.slice(0, 19)} ${what}`),
      ...(steps.length === 0
        ? ['All activities succeeded on the first attempt.']
        : ['Activities that were retried or failed:']),
      ...steps.map(stepLine),
    ],
  };
}
