import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfusionMatrix } from '../toolkit/metrics/confusion-matrix.ts';
import { PredictedPoints } from '../toolkit/metrics/match-points.ts';
import type { CellPoint } from '../toolkit/metrics/points-file.ts';
import { makePoints, SCENE } from './match-points-scene.ts';
import { inNode, PythonPeer, paired, report } from './paired.ts';

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
