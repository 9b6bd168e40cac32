import type { CellPoint } from '../toolkit/dataset/cell-point.ts';

/** Points in all, truths and predictions each: the annotations of the record. */
const POINTS = 845_509;
/** Cells of one image, and the px² that each has to itself in dense tissue. */
const POINTS_PER_IMAGE = 2_000;
const AREA_PER_POINT = 625;

export const SCENE = { radius: 20, classes: 3 } as const;

export interface PointsOfImage {
  readonly truth: readonly CellPoint[];
  readonly predictions: readonly CellPoint[];
}

/**
 * Made-up cells, the same every time, on images of 2,000: truths on whole px as readers set them, predictions with two
 * decimals within some px of them, one in eight somewhere else.
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
