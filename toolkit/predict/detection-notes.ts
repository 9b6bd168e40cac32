import type { CellModel } from '../models/cell-model.ts';
import type { CandidatesFile } from '../yolo/detect/candidates-file.ts';
import type { ImageDetection } from './detection-plan.ts';

/** The most boxes per image that Ultralytics keeps by default, or that a one-to-one head returns. */
const MAX_YOLO_BOXES = 300;

interface FoundCells {
  readonly candidates: Pick<CandidatesFile, 'candidates'>;
  /** Number of points whose box ends at the border of its tile, with overlapping tiles. */
  readonly cutOff?: number;
}

/** Lists what users should know about the numbers of a detector that is not run as in the paper, one sentence each. */
export function detectionNotes(
  { model, detection: { view } }: { readonly model: CellModel; readonly detection: ImageDetection },
  { candidates: { candidates }, cutOff = 0 }: FoundCells,
): readonly string[] {
  if (view === undefined) return [];
  // The limit of `yolo predict` applies to all boxes that it keeps, including those in the padding.
  const kept = candidates.filter(({ outcome }) => outcome === 'point' || outcome === 'outside').length;
  return [
    ...numberedNote(model.classes),
    ...(cutOff > 0 && view.kind === 'tiles' ? [cutOffNote(cutOff, view.overlap)] : []),
    ...(view.kind === 'letterbox' && kept > MAX_YOLO_BOXES
      ? [
          `yolo predict keeps the best ${MAX_YOLO_BOXES} boxes of an image unless max_det says otherwise; here all boxes are kept.`,
        ]
      : []),
    ...(model.isSuppressed ? fullNote(candidates) : []),
  ];
}

function numberedNote(classes: readonly string[]): readonly string[] {
  if (!classes.every((name, index) => name === `class${index}` || name === String(index))) return [];
  return ['The model does not name its classes: they are numbered.'];
}

function cutOffNote(cutOff: number, overlap: number): string {
  const boxes = cutOff === 1 ? '1 box ends' : `${cutOff} boxes end`;
  return `${boxes} at the border of a tile: such objects are larger than the overlap of ${overlap} px and may be cut or counted twice; --overlap makes it larger.`;
}

/** Warns if a one-to-one head returned as many boxes for a tile as it can. */
function fullNote(candidates: CandidatesFile['candidates']): readonly string[] {
  const perTile = new Map<number, number>();
  for (const { tile, outcome } of candidates) {
    if (outcome !== 'confidence') perTile.set(tile, (perTile.get(tile) ?? 0) + 1);
  }
  if (Math.max(0, ...perTile.values()) < MAX_YOLO_BOXES) return [];
  return [
    `The network gives at most ${MAX_YOLO_BOXES} boxes per tile, and a tile has that many: there may be more cells.`,
  ];
}
