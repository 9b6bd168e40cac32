// Measures how much H&E masks change when networks run in half precision, as the authors ran them. Segments ROIs in
// single precision and several times in emulated half precision, with slightly moved weights each time, and prints 95 %
// prediction intervals of one more such run, as the section `verdict.he.halfPrecision` of a profile.
// Usage: npx tsx scripts/verdict/half-precision.ts --data DATA [--rois 3] [--runs 5] [--threads 2]
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { listHeTestRois } from '../../toolkit/dataset/test-rois.ts';
import { HE_LABELS } from '../../toolkit/dataset/tissue-labels.ts';
import { inside, makeFolder } from '../../toolkit/files/folders.ts';
import { decodeLabels } from '../../toolkit/image/decode-labels.ts';
import { decodeGrey16 } from '../../toolkit/image/decode-pixels.ts';
import { countConfusion, diceScores, sumOfConfusions } from '../../toolkit/metrics/he-metrics.ts';
import { convertModel } from '../../toolkit/nnunet/convert/convert-model.ts';
import { findFolds } from '../../toolkit/nnunet/convert/model-folds.ts';
import { StateDictTracker } from '../../toolkit/nnunet/convert/state-dict.ts';
import { CARD_FILE, readModelCard } from '../../toolkit/nnunet/model-card.ts';
import { createRoiSegmenter } from '../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { v1Recipe } from '../../toolkit/nnunet/v1/recipe.ts';
import { writeModel } from '../../toolkit/onnx/file/model-file.ts';
import { openCheckpoint } from '../../toolkit/pytorch/containers/checkpoint.ts';
import { HE } from '../../toolkit/tasks/registry.ts';
import { recordModel } from '../../toolkit/tasks/tissue/tissue.ts';
import { compareMasks } from '../../toolkit/verdict/compare-roi.ts';
import { inHalfPrecision } from './half-precision-graph.ts';
import { predictionInterval } from './prediction-interval.ts';

/** Float16 steps by which weights are moved from the second run on. */
const JITTER = 0.5;
const MIN_CLASS_PIXELS = 10_000;

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    rois: { type: 'string', default: '3' },
    runs: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
  },
});
if (values.data === undefined) throw new Error('Give --data, the unpacked record.');
const data = values.data;
const folder = await mkdtemp(join(tmpdir(), 'reignite-half-'));
const segmenter = createRoiSegmenter({ provider: 'cpu', threads: Number(values.threads) });
try {
  await measure(Number(values.rois), Number(values.runs));
} finally {
  await segmenter.close();
  await rm(folder, { recursive: true, force: true });
}

async function measure(count: number, runs: number): Promise<void> {
  const rois = (await listHeTestRois(data)).slice(0, count);
  const model = await recordModel(HE, data);
  const single = join(folder, 'single');
  await convertModel({ folder: model, out: single });
  const reference = await segmentAll(single, rois);
  const measured: ReturnType<typeof movement>[] = [];
  for (let run = 0; run < runs; run++) {
    const half = join(folder, `half-${run}`);
    await convertInHalf(model, single, half, run);
    const moved = movement(reference, await segmentAll(half, rois));
    await rm(half, { recursive: true });
    console.error(`run ${run + 1} of ${runs}: ${JSON.stringify(moved)}`);
    measured.push(moved);
  }
  const intervalOf = (name: keyof (typeof measured)[number]) => {
    const { low, high } = predictionInterval(measured.map((each) => each[name]));
    return { low: Number(low.toPrecision(4)), high: Number(high.toPrecision(4)) };
  };
  const halfPrecision = {
    runs,
    differingFraction: intervalOf('differingFraction'),
    largestConfidence: intervalOf('largestConfidence'),
    diceDifference: intervalOf('diceDifference'),
  };
  console.log(stringify({ verdict: { he: { halfPrecision } } }));
}

/** Writes rounded copies of the folds; from the second run on with moved weights. */
async function convertInHalf(model: string, single: string, out: string, run: number): Promise<void> {
  const folds = await findFolds(model);
  const recipe = await v1Recipe(folds[0], false);
  const card = await readModelCard(single);
  await makeFolder(out);
  const written: (typeof card.folds)[number][] = [];
  for (const [index, { checkpoint: path }] of folds.entries()) {
    const known = card.folds[index];
    if (known === undefined) throw new Error(`${path} was not converted`);
    const checkpoint = await openCheckpoint(path);
    try {
      const { tensors } = await recipe.weights(checkpoint, path);
      const tracker = new StateDictTracker(tensors, path);
      const graph = inHalfPrecision(
        recipe.graph(tracker),
        run === 0 ? 0 : JITTER,
        randomNumbers(1 + 100 * run + index),
      );
      tracker.close();
      written.push({ ...known, ...(await writeModel(join(out, known.file), graph)) });
    } finally {
      await checkpoint.close();
    }
  }
  const digest = `${run.toString(16)}${card.digest.slice(1)}`;
  await writeFile(join(out, CARD_FILE), JSON.stringify({ ...card, digest, folds: written }));
}

interface Segmented {
  readonly truth: Uint8Array;
  readonly mask: Uint8Array;
  readonly confidence: Uint16Array;
}

async function segmentAll(
  modelDir: string,
  rois: readonly { readonly roi: string; readonly image: string; readonly annotation: string }[],
): Promise<readonly Segmented[]> {
  const segmented: Segmented[] = [];
  for (const { roi, image, annotation } of rois) {
    const [mask, confidence] = [join(modelDir, `${roi}.mask.png`), join(modelDir, `${roi}.margin.png`)];
    const partialDir = join(modelDir, 'partial');
    await segmenter.segment({ modelDir, image: inside(data, image), partialDir, mask, confidence, scope: 'full' });
    const truth = (await decodeLabels(inside(data, annotation))).data;
    segmented.push({ truth, mask: (await decodeLabels(mask)).data, confidence: (await decodeGrey16(confidence)).data });
  }
  return segmented;
}

/** Measures how much masks differ from those in single precision, over all ROIs. */
function movement(single: readonly Segmented[], half: readonly Segmented[]) {
  const compared = single.map(({ mask, confidence }, index) =>
    compareMasks(half[index]?.mask ?? mask, mask, confidence, { lowConfidenceUpTo: 0.02, labels: HE_LABELS.length }),
  );
  const sum = (name: 'pixels' | 'differing') => compared.reduce((total, each) => total + each[name], 0);
  return {
    differingFraction: sum('differing') / sum('pixels'),
    largestConfidence: Math.max(...compared.map(({ largestConfidence }) => largestConfidence)),
    diceDifference: largestDiceDifference(single, half),
  };
}

/** Returns the largest Dice difference of the classes that a verdict considers. */
function largestDiceDifference(single: readonly Segmented[], half: readonly Segmented[]): number {
  const totalOf = (side: readonly Segmented[]) =>
    sumOfConfusions(side.map(({ truth, mask }) => countConfusion(truth, mask)));
  const [one, other] = [totalOf(single), totalOf(half)];
  const [scores, others] = [diceScores(one, HE_LABELS), diceScores(other, HE_LABELS)];
  const judged = HE_LABELS.slice(2).filter(({ value }) => one.rowSum(value) >= MIN_CLASS_PIXELS);
  return Math.max(
    Math.abs(scores.overall - others.overall),
    ...judged.map(({ name }) => Math.abs((scores.perClass[name] ?? 0) - (others.perClass[name] ?? 0))),
  );
}

function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
