import { z } from 'zod';
/** On two cores of x64 without AVX-512, 512 px tiles (bench/README.md); other machines differ by far. */
const ASSUMED = { he: 0.85, nuclei: 0.15, pdl1: 0.15 };
/** Bytes a second of a usual connection to the archive. */
export const ASSUMED_RATE = 10e6;
const Facts = z.object({ tiles: z.number(), seconds: z.number() });
/**
 * Seconds a tile as the entries of the cache tell them: of the same model where there are some, so that a small
 * network says nothing about a large one.
 *
 * @param of.folds - Networks that see each tile.
 */
export function paceOf(task, made, { digest, folds }) {
    const step = task === 'he' ? 'segment-roi' : 'detect-cells';
    const known = made
        .filter(({ parts }) => parts['step'] === step && digest !== undefined && parts['model'] === digest)
        .flatMap(({ facts }) => Facts.safeParse(facts).data ?? []);
    const tiles = known.reduce((sum, fact) => sum + fact.tiles, 0) * folds;
    const seconds = known.reduce((sum, fact) => sum + fact.seconds, 0);
    if (tiles === 0 || seconds === 0)
        return { secondsPerTile: ASSUMED[task], basis: 'assumed' };
    return { secondsPerTile: seconds / tiles, basis: 'measured' };
}
