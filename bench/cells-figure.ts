import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawCellsFigure } from '../toolkit/figures/cells-figure.ts';
import type { CellPoint } from '../toolkit/metrics/points-file.ts';
import { inNode, PythonPeer, paired, report } from './paired.ts';

// Draws the figure of one image of 1024 px with 2,000 cells of three readers and the AI, from pixels in memory to PNG
// on disk, against matplotlib at the authors' 150 dpi.
const SIDE = 1_024;
const CELLS = 500;

let state = 1;
const random = () => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
};
const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, k) => {
  const x = Math.floor(k / 3) % SIDE;
  const y = Math.floor(k / 3 / SIDE);
  return 170 + 60 * Math.sin(x / 9) * Math.sin(y / 8) + 20 * random();
});
const cells = (): CellPoint[] =>
  Array.from({ length: CELLS }, () => ({
    x: Math.floor(60 + random() * (SIDE - 120)),
    y: Math.floor(60 + random() * (SIDE - 120)),
    class: Math.floor(3 * random()),
  }));
const readers = [cells(), cells(), cells()];
const ai = cells();
const annotatedXyxy = [50, 50, SIDE - 50, SIDE - 50] as const;

const folder = await mkdtemp(join(tmpdir(), 'bench-cells-figure-'));
try {
  await writeFile(join(folder, 'scene.json'), JSON.stringify({ side: SIDE, annotatedXyxy, readers, ai }));
  await writeFile(join(folder, 'image.raw'), data);
  const image = { width: SIDE, height: SIDE, data };
  const out = join(folder, 'reignite.png');
  const ours = inNode('reignite', () =>
    drawCellsFigure({ task: 'pdl1', fileName: 'bench.png', image, annotatedXyxy, readers, ai, out }),
  );
  const peer = new PythonPeer(join(import.meta.dirname, 'cells_figure_peer.py'), [folder]);
  report('Figure of cells, 1024 px, 2,000 cells', await paired(ours, [peer.contender('matplotlib')], 5));
  peer.close();
} finally {
  if (process.env['BENCH_KEEP'] === undefined) await rm(folder, { recursive: true });
  else console.log(folder);
}
