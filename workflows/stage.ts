import {
  executeChild,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { RoiFailure, RunInput, SkippedRoi } from '../activities/inputs.ts';
import type { StageOutcome } from '../activities/write-summary.ts';
import { TASK_TITLES } from '../config/tasks.ts';
import { namingFailures } from './failure-code.ts';
import { type FailedItem, failureList } from './failure-list.ts';
import { chunkId } from './ids.ts';
import { inferChunk, type StagePlan } from './infer-chunk.ts';
import { progress, progressTable, type StageColumn, type StageProgress, tellRun } from './progress.ts';
import { searchOptions, searchPairs } from './search-attributes.ts';

/** A history can still be read then; the server suggests another one only behind it, at 4,096. */
const MOST_EVENTS = 3_500;

/** What a stage is started with. */
export interface StageInput {
  readonly run: string;
  readonly input: RunInput;
  /** ROIs that somebody left out of the run. */
  readonly skipped: readonly SkippedRoi[];
  /** Set when the stage goes on in a fresh history. */
  readonly resume?: StageCursor;
}

export interface StageCursor {
  readonly plan: StagePlan;
  readonly page: number;
  readonly done: number;
  readonly failed: number;
}

/** What a page of ROIs is, for whoever opens it in the Temporal UI. */
const PAGE_DETAILS = [
  '- An activity an ROI: inferred and scored in one, on the inference queue.',
  '- Pending Activities shows how far each is. An ROI that fails is red here and does not end the run.',
].join('\n');

/** What differs between the tasks. */
export interface StageSteps {
  /** Prepares the model and compares the ROIs with the cache. */
  plan(): Promise<StagePlan>;
  /** Draws the figures of a page's ROIs, and writes down which of them failed. */
  draw(plan: StagePlan, page: number, failures: readonly RoiFailure[]): Promise<unknown>;
  /** Sums up and draws what is about all ROIs, and judges. */
  conclude(plan: StagePlan): Promise<Pick<StageOutcome, 'verdict'> & { readonly said: string }>;
  /** Goes on in a fresh history. */
  continueFrom(cursor: StageCursor): Promise<never>;
}

/** One task over the whole test set: plan, pages of ROIs with their figures, sums. */
export function runStage(stage: StageInput, steps: StageSteps): Promise<StageOutcome> {
  return namingFailures(() => goThrough(stage, steps));
}

async function goThrough({ run, input, skipped, resume }: StageInput, steps: StageSteps): Promise<StageOutcome> {
  const cursor = resume ?? (await begin(run, steps));
  const { plan } = cursor;
  const { task, total, cached, pages } = plan;
  let { page, done, failed } = cursor;
  let drawing: Promise<unknown> = Promise.resolve();
  const named: FailedItem[] = [];
  show(stateOf(plan, done, failed, 'running'));
  for (; page < pages; page++) {
    const chunk = await executeChild(inferChunk, {
      workflowId: chunkId(workflowInfo().workflowId, page),
      args: [{ run, input, skipped, plan, page, done, failed }],
      staticSummary: `${TASK_TITLES[task]}, ROIs of page ${page + 1} of ${pages}`,
      staticDetails: PAGE_DETAILS,
      ...searchOptions(input, { stage: task, tasks: [task] }),
    });
    done += chunk.done;
    failed += chunk.failures.length;
    named.push(...chunk.failures.map(({ roi, ...failure }) => ({ item: roi, ...failure })));
    show(stateOf(plan, done, failed, 'running'), named);
    // The figures of a page are drawn while the next page is inferred.
    await drawing;
    drawing = later(steps.draw(plan, page, chunk.failures));
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (continueAsNewSuggested || historyLength >= MOST_EVENTS) {
      await drawing;
      await steps.continueFrom({ plan, page: page + 1, done, failed });
    }
  }
  await drawing;
  const { verdict, said } = await steps.conclude(plan);
  if (input.searchable === true) upsertSearchAttributes(searchPairs({ verdicts: [said] }));
  const ended = stateOf(plan, total, failed, 'done');
  show(ended, named, [{ title: 'Verdict', textOf: () => said }]);
  await tellRun(run, ended);
  return { stage: plan.stage, pages, total, cached, failed, verdict, said };
}

async function begin(run: string, steps: StageSteps): Promise<StageCursor> {
  setCurrentDetails('The model is made ready, and the ROIs are compared with the cache.');
  const plan = await steps.plan();
  const begun = stateOf(plan, plan.cached, 0, 'running');
  show(begun);
  await tellRun(run, begun);
  return { plan, page: 0, done: plan.cached, failed: 0 };
}

function stateOf(
  { task, total, cached }: StagePlan,
  done: number,
  failed: number,
  state: StageProgress['state'],
): StageProgress {
  return { stage: task, unit: 'ROIs', done, of: total, cached, failed, state };
}

/** On the stage's own page of the Temporal UI. */
function show(state: StageProgress, failed: readonly FailedItem[] = [], more: readonly StageColumn[] = []): void {
  setCurrentDetails([progressTable([state], more), ...failureList(failed)].join('\n'));
  setHandler(progress, () => [state]);
}

/** Lets a step run while others do: a rejection waits for the `await`, instead of failing the workflow task. */
function later<Result>(step: Promise<Result>): Promise<Result> {
  step.catch(() => undefined);
  return step;
}
