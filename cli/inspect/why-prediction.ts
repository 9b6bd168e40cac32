import { basename, extname } from 'node:path';
import type { RunDescription } from '../../runtime/run/describe-run.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { counted } from '../../toolkit/format.ts';
import type { ImageFailure, PredictionSummary } from '../../toolkit/predict/prediction-summary.ts';
import type { RunPart, RunStep } from './run-steps.ts';
import { type Answer, failureLines, stepLine, troubledSteps, troubleLines } from './why-lines.ts';
import { allEntries, hitOf, missOf } from './why-roi.ts';

/** What is known of a durable prediction: from Temporal, its history and its folder. */
export interface KnownPrediction {
  readonly kind: 'prediction';
  readonly description: RunDescription;
  readonly parts: readonly RunPart[];
  readonly summary?: PredictionSummary;
}

/** Why a prediction ended as it did. */
export function explainPrediction({ description, parts, summary }: KnownPrediction): Answer {
  const { run, status } = description;
  const names = new Set(imageSteps(parts).map(({ summary: name }) => name));
  const failure = parts.find((part) => part.workflow === run && part.failure !== undefined)?.failure;
  const failures = (summary?.failures ?? []).filter((each) => names.has(nameOf(each)));
  const predicted = (summary?.images ?? []).filter(({ name }) => names.has(name));
  const cached = predicted.filter((image) => image.cached).length;
  const steps = troubledSteps(parts);
  const counts = `${predicted.length} predicted (${cached} from the cache), ${failures.length} failed`;
  return {
    document: { run, status, failure: failure ?? null, images: { total: names.size, cached }, failures, steps },
    lines: [
      `${run}: ${status}`,
      ...(failure === undefined ? [] : failureLines(failure)),
      `${counted(names.size, 'image')}: ${counts}`,
      ...failures.flatMap((each) => [nameOf(each), ...failureLines(each)]),
      ...troubleLines(steps),
    ],
  };
}

/** Answers for every image of the prediction whose name is, or else holds, `word`; undefined without one. */
export async function explainImages(
  { description, parts, summary }: KnownPrediction,
  word: string,
  home: HomeFolders,
): Promise<Answer | undefined> {
  const steps = imageSteps(parts);
  const names = [...new Set(steps.map(({ summary: name }) => name))];
  const wanted = names.includes(word) ? [word] : names.filter((name) => name.includes(word));
  if (wanted.length === 0) return undefined;
  const made = await allEntries(home);
  const images = wanted.map((name): ImageAnswer => {
    const ofImage = steps.filter((step) => step.summary === name);
    const known = summary?.images.find((image) => image.name === name);
    const failure = summary?.failures.find((each) => nameOf(each) === name) ?? ofImage.at(-1)?.failure;
    const told = { image: name, steps: ofImage, ...(known?.key !== undefined && { key: known.key }) };
    if (failure !== undefined && ofImage.at(-1)?.outcome !== 'completed') return { ...told, state: 'failed', failure };
    if (known === undefined) return { ...told, state: 'outstanding', because: 'It has not been predicted yet.' };
    return known.cached
      ? { ...told, state: 'cached', because: hitOf(known.key, made) }
      : { ...told, state: 'computed', because: missOf(known.key ?? '', made) };
  });
  return { document: { run: description.run, images }, lines: images.flatMap(imageLines) };
}

interface ImageAnswer {
  readonly image: string;
  readonly state: 'computed' | 'cached' | 'failed' | 'outstanding';
  /** Why it is so, in a sentence; a failure says it itself. */
  readonly because?: string;
  readonly failure?: Pick<ImageFailure, 'cause' | 'remedy'> & { readonly code: string };
  /** Key of the network's part in the cache. */
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

function imageSteps(parts: readonly RunPart[]): readonly RunStep[] {
  return parts.flatMap((part) => part.steps.filter(({ step }) => step === 'predictImage'));
}

function nameOf({ image }: ImageFailure): string {
  return basename(image, extname(image));
}
