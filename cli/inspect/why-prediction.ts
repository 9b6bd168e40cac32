import { basename, extname } from 'node:path';
import { type RunDescription, stateLine, stateText } from '../../runtime/run/describe-run.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { counted } from '../../toolkit/format.ts';
import type { NamedImage } from '../../toolkit/predict/prediction-order.ts';
import type { ImageFailure, PredictionSummary } from '../../toolkit/predict/prediction-summary.ts';
import {
  type Answer,
  failureLines,
  type RunPart,
  type RunStep,
  stepLine,
  troubledSteps,
  troubleLines,
} from './run-steps.ts';
import { allEntries, hitOf, missOf } from './why-roi.ts';

/** What is known about a durable prediction: from Temporal, its history and its folder. */
export interface KnownPrediction {
  readonly kind: 'prediction';
  readonly description: RunDescription;
  readonly parts: readonly RunPart[];
  /** Its images, unless their list has been deleted. */
  readonly images?: readonly NamedImage[];
  /** The summary of everything in its folder. */
  readonly summary?: PredictionSummary;
}

/** Explains why a prediction ended as it did. */
export function explainPrediction(known: KnownPrediction): Answer {
  const { description, parts, summary } = known;
  const { run, status, paused } = description;
  const names = namesIn(known);
  const failure = parts.find((part) => part.workflow === run && part.failure !== undefined)?.failure;
  const failures = (summary?.failures ?? []).filter((each) => names.has(nameOf(each)));
  const predicted = (summary?.images ?? []).filter(({ name }) => names.has(name));
  const cached = predicted.filter((image) => image.cached).length;
  const steps = troubledSteps(parts);
  const counts = `${predicted.length} predicted (${cached} from the cache), ${failures.length} failed`;
  return {
    document: { run, status, paused, failure: failure ?? null, images: { total: names.size, cached }, failures, steps },
    lines: [
      stateLine(description),
      ...(failure === undefined ? [] : failureLines(failure)),
      `${counted(names.size, 'image')}: ${counts}`,
      ...failures.flatMap((each) => [nameOf(each), ...failureLines(each)]),
      ...troubleLines(steps),
    ],
  };
}

/** Explains every image of the prediction whose name is `word`, or else contains it; undefined if there is none. */
export async function explainImages(
  known: KnownPrediction,
  word: string,
  home: HomeFolders,
): Promise<Answer | undefined> {
  const { description, parts, summary } = known;
  const steps = parts.flatMap((part) => part.steps);
  const names = [...namesIn(known)];
  const wanted = names.includes(word) ? [word] : names.filter((name) => name.includes(word));
  if (wanted.length === 0) return undefined;
  const made = await allEntries(home);
  const images = wanted.map((name): ImageAnswer => {
    const ofImage = steps.filter((step) => imageOf(step) === name);
    const predicted = summary?.images.find((image) => image.name === name);
    const failure = summary?.failures.find((each) => nameOf(each) === name) ?? failureIn(ofImage);
    const facts = { image: name, steps: ofImage, ...(predicted?.key !== undefined && { key: predicted.key }) };
    if (failure !== undefined && !isDone(ofImage)) return { ...facts, state: 'failed', failure };
    // An image that an open prediction has not reached yet may have results of an earlier command in the folder.
    const isAhead = ofImage.length === 0 && description.closed === null;
    if (predicted === undefined || isAhead)
      return { ...facts, state: 'outstanding', because: `It has not been predicted yet${waitingFor(description)}.` };
    return predicted.cached
      ? { ...facts, state: 'cached', because: hitOf(predicted.key, made) }
      : { ...facts, state: 'computed', because: missOf(predicted.key ?? '', made) };
  });
  return { document: { run: description.run, images }, lines: images.flatMap(imageLines) };
}

/** Says why an open prediction does not continue, if it is paused or interrupted. */
function waitingFor(description: RunDescription): string {
  const state = stateText(description);
  return state === 'running' || description.closed !== null ? '' : `: the prediction is ${state}`;
}

interface ImageAnswer {
  readonly image: string;
  readonly state: 'computed' | 'cached' | 'failed' | 'outstanding';
  /** The reason, in a sentence; a failure has its own. */
  readonly because?: string;
  readonly failure?: Pick<ImageFailure, 'cause' | 'remedy'> & { readonly code: string };
  /** Key of the network's output in the cache. */
  readonly key?: string;
  readonly steps: readonly RunStep[];
}

function imageLines({ image, state, because = '', failure, steps }: ImageAnswer): string[] {
  return [
    `${image}: ${state}`,
    ...(failure === undefined ? [`  ${because}`] : failureLines(failure)),
    ...steps.map(stepLine),
  ];
}

/** Returns the names of a prediction's images, from its list, or else from its activities. */
function namesIn({ images, parts }: KnownPrediction): ReadonlySet<string> {
  if (images !== undefined) return new Set(images.map(({ name }) => name));
  return new Set(parts.flatMap((part) => part.steps.flatMap((step) => imageOf(step) ?? [])));
}

/** Returns the image of an activity: its summary, which for slides is followed by the strips. */
function imageOf({ step, summary }: RunStep): string | undefined {
  if (step === 'predictImage') return summary;
  if (step !== 'planSlide' && step !== 'predictStrip') return undefined;
  return summary.replace(/: strip(s| \d+ of \d+)$/, '');
}

/** Returns whether the last activity of an image, which completes its prediction, has succeeded. */
function isDone(steps: readonly RunStep[]): boolean {
  const last = steps.at(-1);
  return last?.step === 'predictImage' && last.outcome === 'completed';
}

/** Returns the failure of an image or of an attempt at it: strips after the failed one may have completed. */
function failureIn(steps: readonly RunStep[]): RunStep['failure'] {
  return steps.findLast(({ outcome, failure }) => outcome !== 'completed' && failure !== undefined)?.failure;
}

function nameOf({ image }: ImageFailure): string {
  return basename(image, extname(image));
}
