import type { CellPoint } from '../toolkit/metrics/points-file.ts';

/** Total number of ground-truth points, and of predictions: as many as the record has annotations. */
const POINTS = 845_509;
/** Cells per image, and the area per cell in dense tissue, in px². */
const POINTS_PER_IMAGE = 2_000;
const AREA_PER_POINT = 625;

export const SCENE = { radius: 20, classes: 3 } as const;

export interface PointsOfImage {
  readonly truth: readonly CellPoint[];
  readonly predictions: readonly CellPoint[];
}

/**
 * Creates synthetic cells, always the same, on images of 2,000: ground truth on whole px, as readers click, and
 * predictions with two decimals within some px of it, except one in eight, which is somewhere else.
 */
export function makePoints(): PointsOfImage[] {
  const images: PointsOfImage[] = [];
  const side = Math.sqrt(POINTS_PER_IMAGE * AREA_PER_POINT);
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const hundredths = (value: number) => Math.fround(Math.round(100 * value) / 100);
  for (let left = POINTS; left > 0; left -= POINTS_PER_IMAGE) {
    const truth = Array.from({ length: Math.min(left, POINTS_PER_IMAGE) }, () => ({
      x: Math.floor(random() * side),
      y: Math.floor(random() * side),
      class: Math.floor(random() * SCENE.classes),
    }));
    const predictions = truth.map((point) =>
      random() < 0.125
        ? { x: hundredths(random() * side), y: hundredths(random() * side), class: point.class }
        : {
            x: hundredths(point.x + 16 * random() - 8),
            y: hundredths(point.y + 16 * random() - 8),
            class: random() < 0.2 ? Math.floor(random() * SCENE.classes) : point.class,
          },
    );
    images.push({ truth, predictions });
  }
  return images;
}
