import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';

const Pixels = z.int().min(1);

/**
 * Outcome of a candidate: `point`, or why it is not one. `confidence`: its detection score does not exceed the confidence
 * threshold. `suppressed`: a better one suppressed it. `box`: its centre is outside the annotated box. `limit`: a limit on
 * the number of candidates was reached. Only in `predict`, `outside`: its centre is outside the image, in the padding of a
 * tile; `seam`: the tile that decides about its position detected nothing there.
 */
const Outcome = z.enum(['point', 'confidence', 'suppressed', 'box', 'limit', 'outside', 'seam']);

/** One candidate, in px of the image. */
export const Candidate = z.strictObject({
  tile: z.int().min(0).describe('Number of the tile, row by row'),
  class: z.int().min(0).describe('Place in `classes`'),
  score: z.number().min(0).max(1).describe('6 decimals'),
  x1: z.number().describe('2 decimals, as the other corners'),
  y1: z.number(),
  x2: z.number(),
  y2: z.number(),
  outcome: Outcome.describe('Its NMS outcome'),
  suppressedBy: z.int().min(0).exactOptional().describe('Place in `candidates` of the one that suppressed it, from 0'),
});
export type Candidate = z.infer<typeof Candidate>;

/** Candidates of a detector in an image, which explain why a point was or was not detected. */
export const CandidatesFile = z.object({
  schema: z.literal(2),
  model: z.string().describe('Digest of the converted detector'),
  width: Pixels,
  height: Pixels,
  tile: Pixels.describe('Side of a tile in px'),
  seenAt: z
    .object({ width: Pixels, height: Pixels })
    .exactOptional()
    .describe(
      'Size in px at which the network saw a resampled image; `tile` is in these px, all else in those of the image',
    ),
  overlap: z.int().min(0).exactOptional().describe('px by which tiles overlap; missing if they do not overlap'),
  letterbox: z
    .object({ width: Pixels, height: Pixels })
    .exactOptional()
    .describe('Size in px of the input into which the whole image was scaled and padded'),
  suppression: z.enum(['by-class', 'none']).exactOptional().describe('Missing where all classes suppress each other'),
  classes: z.array(z.string()),
  confidence: z.number(),
  iou: z.number(),
  recorded: z.number().describe('Candidates of a score above it are listed'),
  box: z.tuple([z.number(), z.number(), z.number(), z.number()]).nullable().describe('x1, y1, x2, y2 in px'),
  candidates: z
    .array(Candidate)
    .describe('Tile by tile, by score descending; the points among them are the rows of the .npy, in order'),
});
export type CandidatesFile = z.infer<typeof CandidatesFile>;

/** Encodes the file as compact JSON with one candidate per line. */
export function encodeCandidates({ candidates, ...head }: CandidatesFile): string {
  const rows = candidates.map((row) => JSON.stringify(row)).join(',\n');
  return `${JSON.stringify(head).slice(0, -1)},"candidates":[\n${rows}\n]}\n`;
}

/**
 * Reads the candidates of an image.
 *
 * @throws ReigniteError FILE_MISSING if the file cannot be read or is not a file of candidates.
 */
export async function readCandidatesFile(path: string): Promise<CandidatesFile> {
  try {
    return CandidatesFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new ReigniteError('FILE_MISSING', `${path} is not a file of candidates.`, {
      cause,
      remedy: 'Run the same `predict` again to write it; for a run, `npx reignite clean cache`, then the run.',
    });
  }
}
