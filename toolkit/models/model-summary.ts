import { join } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { readJsonIfValid } from '../files/text-file.ts';
import { FoldName, methodOf, readModelCard, usualRange } from '../nnunet/model-card.ts';
import { laidOutOf } from '../nnunet/networks/ort-fold-networks.ts';
import { readOwnCard } from '../onnx/custom-model/custom-model.ts';
import { type ImageSpec, imageShape } from '../onnx/custom-model/image-spec.ts';
import { type DescribedModel, describeModel } from '../onnx/file/describe-model.ts';
import { ortVersion } from '../onnx/session/environment.ts';
import { InferenceThread } from '../onnx/session/inference-thread.ts';
import type { ParityAnswer, ParityThreadAnswer, ParityThreadRequest } from '../onnx/session/parity-thread.ts';
import type { SessionOptions } from '../onnx/session/session.ts';
import { startThread } from '../start-thread.ts';
import { knownDetectorCard } from '../yolo/detector-card.ts';
import { isTrainedOnSynthetic } from './identify-file.ts';

const SUMMARY_FILE = 'passport.json';
const METHOD =
  'ONNX Runtime as in runs (all graph optimisations; of tissue networks, instance normalisation row by row, and large ' +
  'convolutions of others by Winograd) against the plain graph without any, on the CPU, on one fixed probe of the ' +
  'size of a tile';

const Network = z.object({
  file: z.string(),
  sourceSha256: z.string().describe('Of the checkpoint or ONNX file that it came from'),
  sha256: z.string().describe('Of the ONNX file'),
  operators: z.record(z.string(), z.number()).describe('Nodes of the graph by operator'),
  parameters: z.number().describe('Elements of all weights of the graph'),
  parity: z.object({
    maxDifference: z.number().nullable().describe('Largest absolute difference of two outputs; null when not a number'),
    outputRange: z.tuple([z.number().nullable(), z.number().nullable()]).describe('Smallest and largest output'),
    elements: z.number(),
  }),
});

/** A model card: what a model in the state directory is, where it comes from, and how accurate its arithmetic is. */
export const ModelSummary = z.object({
  schema: z.literal(1),
  kind: z.enum(['nnunet-v1-2d', 'nnunet-v2-2d', 'yolov5', 'yolo', 'onnx']),
  digest: z.string().describe('Over everything that determines the outputs'),
  ortVersion: z.string(),
  folds: z
    .array(FoldName)
    .exactOptional()
    .describe('Folds of an nnU-Net model, in the order in which they are averaged'),
  architecture: z.record(z.string(), z.unknown()),
  input: z.object({ name: z.string(), shape: z.array(z.number()) }),
  output: z.object({ name: z.string(), shape: z.array(z.union([z.number(), z.string()])) }),
  trainedOn: z
    .literal('synthetic')
    .exactOptional()
    .describe('Only for models of the sample: trained on synthetic images, not on tissue'),
  parityMethod: z.string(),
  networks: z.array(Network).min(1),
});
export type ModelSummary = z.infer<typeof ModelSummary>;

interface Subject {
  readonly kind: ModelSummary['kind'];
  readonly digest: string;
  readonly folds?: ModelSummary['folds'];
  readonly architecture: Record<string, unknown>;
  readonly input: string;
  readonly shape: readonly number[];
  readonly range: readonly [number, number];
  readonly elementType?: ImageSpec['elementType'];
  readonly output: string;
  /** How runs open it: this option of `SessionOptions`. */
  readonly laidOut: NonNullable<SessionOptions['laidOut']>;
  readonly files: readonly { readonly file: string; readonly sha256: string; readonly sourceSha256: string }[];
}

/**
 * Describes a model in the state directory, once per version of ONNX Runtime, and also writes the description to `out`.
 *
 * @param modelDir - Folder of the model in the state directory.
 * @throws ReigniteError MODEL_UNREADABLE, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the signal's reason.
 */
export async function writeModelSummary(modelDir: string, out: string, signal?: AbortSignal): Promise<ModelSummary> {
  const subject = await subjectOf(modelDir);
  const path = join(modelDir, SUMMARY_FILE);
  const known = await readSummary(path);
  const isCurrent =
    known?.digest === subject.digest && known.ortVersion === ortVersion() && isSame(known.folds, subject.folds);
  const described = isCurrent ? known : await describe(modelDir, subject, signal);
  const summary = { ...described, ...(isTrainedOnSynthetic(subject.files) && { trainedOn: 'synthetic' as const }) };
  const text = `${JSON.stringify(summary, null, 1)}\n`;
  if (!isCurrent) await writeFileAtomic(path, text);
  await writeFileAtomic(out, text);
  return summary;
}

function isSame(a: ModelSummary['folds'], b: ModelSummary['folds']): boolean {
  return a?.join() === b?.join();
}

async function readSummary(path: string): Promise<ModelSummary | undefined> {
  return readJsonIfValid(path, ModelSummary);
}

async function subjectOf(modelDir: string): Promise<Subject> {
  const own = await readOwnCard(modelDir);
  if (own !== undefined) {
    const { kind, digest, sidecar, size, image, input, output, file, sourceSha256 } = own;
    const files = [{ file, sha256: sourceSha256, sourceSha256 }];
    const { range, elementType } = image;
    const probe = { shape: imageShape(image, size), range, elementType };
    return { kind, digest, architecture: { sidecar }, input, ...probe, output, laidOut: false, files };
  }
  const detector = await knownDetectorCard(modelDir);
  if (detector !== undefined) {
    const {
      kind,
      digest,
      size,
      shape: [height, width] = [size, size],
      input,
      output,
      classes,
      stride,
      weights,
    } = detector;
    return {
      kind,
      digest,
      architecture: { classes, stride, weights },
      input,
      shape: [1, 3, height, width],
      range: [0, 1],
      output,
      laidOut: false,
      files: [detector],
    };
  }
  const card = await readModelCard(modelDir);
  const { kind, digest, patch, input, output, folds, architecture, trainer, classes, mirrorAxes, v2 } = card;
  const method = methodOf(card);
  const [height, width] = patch;
  const shape = [1, method.normalisation.length, height, width];
  return {
    kind,
    digest,
    folds: folds.map(({ fold }) => fold),
    architecture: {
      trainer,
      classes,
      ...architecture,
      ...(v2 && { ...v2, method }),
      ...(mirrorAxes && { mirrorAxes }),
    },
    input,
    shape,
    range: usualRange(method),
    output,
    laidOut: laidOutOf(modelDir, card),
    files: folds,
  };
}

async function describe(modelDir: string, subject: Subject, signal: AbortSignal | undefined): Promise<ModelSummary> {
  const { kind, digest, folds, architecture, input, shape, range, elementType, output, laidOut, files } = subject;
  // A separate thread that ends afterwards: a network without optimisation takes time, and memory that must be freed.
  const thread = new InferenceThread<ParityThreadRequest, ParityThreadAnswer, never>(
    () => startThread('toolkit/onnx/session/parity-thread.ts'),
    ({ job }) => `it compared ${job.path}`,
  );
  try {
    const networks: ModelSummary['networks'] = [];
    let described: DescribedModel | undefined;
    for (const { file, sha256, sourceSha256 } of files) {
      const path = join(modelDir, file);
      described = describeModel(path);
      const { operators, parameters } = described;
      const job = { path, laidOut, input, shape, range, output, ...(elementType && { elementType }) };
      const answer = await thread.ask({ kind: 'compare', job }, signal === undefined ? {} : { signal });
      if (answer.kind !== 'compared')
        throw new ReigniteError('INTERNAL', `The thread that runs models answered ${answer.kind} to compare.`);
      networks.push({ file, sourceSha256, sha256, operators, parameters, parity: asJsonNumbers(answer.result) });
    }
    const result = described?.outputs.find(({ name }) => name === output);
    if (result === undefined)
      throw new ReigniteError('MODEL_UNREADABLE', `The model in ${modelDir} has no output ${output}.`);
    return {
      schema: 1,
      kind,
      digest,
      ortVersion: ortVersion(),
      ...(folds !== undefined && { folds }),
      architecture,
      input: { name: input, shape: [...shape] },
      output: { name: output, shape: [...result.shape] },
      parityMethod: METHOD,
      networks,
    };
  } finally {
    await thread.close();
  }
}

function asJsonNumbers({ maxDifference, outputRange: [low, high], elements }: ParityAnswer) {
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    maxDifference: finite(maxDifference),
    outputRange: [finite(low), finite(high)] as [number | null, number | null],
    elements,
  };
}
