import type { CandidatesFile } from '../yolo/detect/candidates-file.ts';
import { type NmsOptions, NO_LIMITS, SCRIPT_LIMITS } from '../yolo/detect/nms.ts';
import type { ImageDetection } from './detection-plan.ts';

/**
 * Returns how many boxes non-maximum suppression keeps per network input: in tiles as in the paper's scripts as many as
 * there, otherwise all.
 */
export function limitsOf({
  view,
}: Pick<ImageDetection, 'view'>): Required<Pick<NmsOptions, 'maxCandidates' | 'maxKept'>> {
  return view === undefined ? SCRIPT_LIMITS : NO_LIMITS;
}

/** Warns if cells are missing because a tile has more boxes than the paper's scripts keep. */
export function limitCautions(candidates: CandidatesFile['candidates']): readonly string[] {
  const overLimit = candidates.filter(({ outcome }) => outcome === 'limit');
  if (overLimit.length === 0) return [];
  const tiles = new Set(overLimit.map(({ tile }) => tile)).size;
  const boxes = overLimit.length === 1 ? '1 box was' : `${overLimit.length} boxes were`;
  return [
    `Do not trust these numbers: ${boxes} left out, because the authors' script, as here, keeps at most ` +
      `${SCRIPT_LIMITS.maxKept} per tile and ${tiles === 1 ? '1 tile has' : `${tiles} tiles have`} more; ` +
      'with --overlap 64 all are kept.',
  ];
}
