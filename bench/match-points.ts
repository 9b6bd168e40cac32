import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfusionMatrix } from '../toolkit/metrics/confusion-matrix.ts';
import { PredictedPoints } from '../toolkit/metrics/match-points.ts';
import type { CellPoint } from '../toolkit/metrics/points-file.ts';
import { inNode, PythonPeer, paired, report } from './paired.ts';

/** Total number of ground-truth points, and of predictions: as many as the record has annotations. */
const POINTS = 845_509;
/** Cells per image, and the area per cell in dense tissue, in px². */
const POINTS_PER_IMAGE = 2_000;
const AREA_PER_POINT = 625;

const SCENE = { radius: 20, classes: 3 } as const;

interface PointsOfImage {
  readonly truth: readonly CellPoint[];
  readonly predictions: readonly CellPoint[];
}

/**
 * Creates synthetic cells, always the same, on images of 2,000: ground truth on whole px, as readers click, and
 * predictions with two decimals within some px of it, except one in eight, which is somewhere else.
 */
function makePoints(): PointsOfImage[] {
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

// Matches 845,509 points with as many predictions on images of 2,000, in memory, against scikit-learn's BallTree and
// the greedy loop in Python that the authors use.
const images = makePoints();
const match = () =>
  images.reduce(
    (sum, { truth, predictions }) =>
      sum.plus(new PredictedPoints(predictions).confusion(truth, SCENE.classes, { radius: SCENE.radius })),
    ConfusionMatrix.zeros(SCENE.classes + 1),
  );
const flat = (points: readonly CellPoint[]) => points.flatMap(({ x, y, class: of }) => [x, y, of]);

const folder = await mkdtemp(join(tmpdir(), 'bench-match-points-'));
try {
  const count = (points: keyof (typeof images)[number]) => images.map((image) => image[points].length);
  await writeFile(join(folder, 'scene.json'), JSON.stringify({ ...SCENE, counts: count('truth') }));
  for (const kind of ['truth', 'predictions'] as const) {
    const values = Float64Array.from(images.flatMap((image) => flat(image[kind])));
    await writeFile(join(folder, `${kind}.raw`), new Uint8Array(values.buffer));
  }
  const peer = new PythonPeer(join(import.meta.dirname, 'match_points_peer.py'), [folder]);
  const ours = JSON.stringify(match().toRows());
  const theirs = await peer.ask('check');
  if (theirs !== ours) throw new Error(`scikit-learn counts ${theirs}, reignite ${ours}`);
  const result = await paired(inNode('reignite', match), [peer.contender('scikit-learn')], 3);
  report(`Matching ${count('truth').reduce((sum, n) => sum + n, 0)} points within ${SCENE.radius} px`, result);
  peer.close();
} finally {
  await rm(folder, { recursive: true });
}
