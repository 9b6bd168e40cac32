import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sha256OfFile } from '../files/hash-file.ts';
import { type InputImage, MODEL_MPP, sizeAtModel, suitsModels } from './input-image.ts';
import type { ImagePrediction, PredictionChoices } from './prediction.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The image as the network sees it: the user's own file, or its pixels at the resolution of the models or scaled. */
export interface NetworkImage {
  /** Of the user's file. */
  readonly sha256: string;
  readonly original: Size;
  readonly size: Size;
  readonly isResampled: boolean;
  /** For the key of the cache: what makes the network's image differ from the file. */
  readonly change: string;
  /** For the summary. */
  readonly said: Pick<ImagePrediction, 'mpp' | 'resampledTo'>;
  readonly notes: readonly string[];
  /** Path of the file that the network reads; written into `work` unless it is the user's own. */
  write(work: string): Promise<string>;
}

/** Decides whether an image is resampled, and says what there is to say about its resolution. */
export async function networkImage(
  input: InputImage,
  { mpp, resample: isWanted }: PredictionChoices,
  signal: AbortSignal | undefined,
): Promise<NetworkImage> {
  const original = { width: input.width, height: input.height };
  const size = isWanted && mpp !== undefined ? sizeAtModel(input, mpp) : original;
  const isResampled = size.width !== original.width || size.height !== original.height;
  return {
    sha256: await sha256OfFile(input.path, signal),
    original,
    size,
    isResampled,
    change: [
      isResampled ? `${size.width} x ${size.height}` : 'own',
      ...(input.white === undefined ? [] : [`white ${input.white}`]),
    ].join(', '),
    said: { ...(mpp !== undefined && { mpp }), ...(isResampled && { resampledTo: size }) },
    notes: resolutionNotes(mpp, isResampled, size),
    async write(work) {
      if (!isResampled && input.white === undefined) return input.path;
      const path = join(work, 'seen.png');
      if (!existsSync(path)) await input.write(size, path);
      return path;
    },
  };
}

function resolutionNotes(mpp: number | undefined, isResampled: boolean, size: Size): readonly string[] {
  if (isResampled) {
    return [
      `The network saw it at ${MODEL_MPP} µm/px (${size.width} x ${size.height} px); results are in its own pixels.`,
    ];
  }
  if (mpp === undefined || suitsModels(mpp)) return [];
  return [`It has ${mpp} µm/px; the models expect ${MODEL_MPP}: --resample brings it there.`];
}
