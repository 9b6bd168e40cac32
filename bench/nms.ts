import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomNumbers } from '../tests/support/random-numbers.ts';
import { NMS_OUTCOMES, nms } from '../toolkit/yolo/detect/nms.ts';
import { inNode, PythonPeer, paired, report } from './paired.ts';

// Non-maximum suppression of a crowded and of a full tile, against torchvision: PEER_PYTHON=... tsx bench/nms.ts

/** Boxes of 12 to 32 px around `cells` places of a 512 px tile. */
function crowd(count: number, cells: number) {
  const { share, below } = randomNumbers(count);
  const places = Array.from({ length: cells }, () => [512 * share(), 512 * share()] as const);
  const corners = new Float32Array(4 * count);
  for (let index = 0; index < count; index++) {
    const [x = 0, y = 0] = places[below(cells)] ?? [];
    const [left, top] = [x + 8 * share() - 4, y + 8 * share() - 4];
    corners.set([left, top, left + 12 + 20 * share(), top + 12 + 20 * share()], 4 * index);
  }
  const scores = Float32Array.from({ length: count }, () => 0.5 + share() / 2);
  return { count, corners, scores, classes: new Uint16Array(count) };
}

for (const [count, cells] of [
  [2_000, 200],
  [30_000, 3_000],
] as const) {
  const folder = await mkdtemp(join(tmpdir(), 'bench-nms-'));
  const candidates = crowd(count, cells);
  await writeFile(join(folder, 'corners.raw'), candidates.corners);
  await writeFile(join(folder, 'scores.raw'), candidates.scores);
  const peer = new PythonPeer(join(import.meta.dirname, 'nms_peer.py'), [folder]);
  try {
    const ours = () => nms(candidates, { confidence: 0.25, iou: 0.5, maxKept: count });
    const kept = ours().outcomes.filter((outcome) => outcome === NMS_OUTCOMES.kept).length;
    if (Number(await peer.ask('count')) !== kept) throw new Error('torchvision keeps another number of boxes');
    report(
      `NMS of ${count} boxes, ${kept} kept`,
      await paired(inNode('reignite', ours), [peer.contender('torchvision')], 7),
    );
  } finally {
    peer.close();
    await rm(folder, { recursive: true });
  }
}
