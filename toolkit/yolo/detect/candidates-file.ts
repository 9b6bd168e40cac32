import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';

const Pixels = z.int().min(1);

/**
 * Why a candidate is not a point: its score is not above the confidence, its centre is outside the annotated box, a
 * limit on their number was reached, (`predict` only) its centre is outside the image, in the padding of a tile,
 * or another tile sees its place better and has nothing there (`seam`). `point` for one that is.
 */
const Outcome = z.enum(['point', 'confidence', 'box', 'limit', 'outside', 'seam']);

/** One candidate: tile, class, score, x1, y1, x2, y2 in px of the image, what became of it. */
export const CandidateRow = z.tuple([
  z.int().min(0).describe('Number of the tile, row by row'),
  z.int().min(0).describe('Class'),
  z.number().min(0).max(1).describe('Score, 6 decimals'),
  z.number().describe('x1, 2 decimals'),
  z.number().describe('y1, 2 decimals'),
  z.number().describe('x2, 2 decimals'),
  z.number().describe('y2, 2 decimals'),
  z
    .union([z.int().min(0), Outcome])
    .describe('Its NMS outcome; a number is the row of the candidate that suppressed it'),
]);
export type CandidateRow = z.infer<typeof CandidateRow>;

/** What a detector saw in an image, so that a point and its absence can be explained. */
export const CandidatesFile = z.object({
  schema: z.literal(1),
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
  overlap: z.int().min(0).exactOptional().describe('px by which tiles overlap; missing where they lie side by side'),
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
    .array(CandidateRow)
    .describe('Tile by tile, by score descending; the points among them are the rows of the .npy, in order'),
});
export type CandidatesFile = z.infer<typeof CandidatesFile>;

/** The file's text: compact, a candidate per line. */
export function encodeCandidates({ candidates, ...head }: CandidatesFile): string {
  const rows = candidates.map((row) => JSON.stringify(row)).join(',\n');
  return `${JSON.stringify(head).slice(0, -1)},"candidates":[\n${rows}\n]}\n`;
}

/**
 * Reads the candidates of an image.
 *
 * @throws ReigniteError FILE_MISSING when it cannot be read, or is not such a file.
 */
export async function readCandidatesFile(path: string): Promise<CandidatesFile> {
  try {
    return CandidatesFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new ReigniteError('FILE_MISSING', `${path} is not a file of candidates.`, { cause });
  }
}
