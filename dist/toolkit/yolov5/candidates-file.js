import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ReigniteError } from '../errors.js';
const Pixels = z.int().min(1);
/**
 * Why a candidate is no point: its score is not above the confidence, its centre is outside the annotated box, or a
 * limit on their number was reached. `point` for one that is.
 */
const Outcome = z.enum(['point', 'confidence', 'box', 'limit']);
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
        .describe('What became of it; a number is the row of the candidate that suppressed it'),
]);
/** What a detector saw in an image, so that a point and its absence can be explained. */
export const CandidatesFile = z.object({
    schema: z.literal(1),
    model: z.string().describe('Digest of the converted detector'),
    width: Pixels,
    height: Pixels,
    tile: Pixels.describe('Side of a tile in px'),
    classes: z.array(z.string()),
    confidence: z.number(),
    iou: z.number(),
    recorded: z.number().describe('Candidates of a score above it are listed'),
    box: z.tuple([z.number(), z.number(), z.number(), z.number()]).nullable().describe('x1, y1, x2, y2 in px'),
    candidates: z
        .array(CandidateRow)
        .describe('Tile by tile, by score descending; the points among them are the rows of the .npy, in order'),
});
/** The file's text: compact, a candidate a line. */
export function encodeCandidates({ candidates, ...head }) {
    const rows = candidates.map((row) => JSON.stringify(row)).join(',\n');
    return `${JSON.stringify(head).slice(0, -1)},"candidates":[\n${rows}\n]}\n`;
}
/**
 * Reads the candidates of an image.
 *
 * @throws ReigniteError FILE_MISSING when it cannot be read, or is no such file.
 */
export async function readCandidatesFile(path) {
    try {
        return CandidatesFile.parse(JSON.parse(await readFile(path, 'utf8')));
    }
    catch (cause) {
        throw new ReigniteError('FILE_MISSING', `${path} is no file of candidates.`, { cause });
    }
}
