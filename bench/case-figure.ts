import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HE_LABELS } from '../toolkit/dataset/tissue-labels.ts';
import { drawCaseFigure } from '../toolkit/figures/case-figure.ts';
import { makeScene, SCENE } from './case-figure-scene.ts';
import { inNode, PythonPeer, paired, report } from './paired.ts';

// Draws the case figure of one large ROI, from pixels in memory to PNG on disk, against matplotlib at the authors' 150 dpi.
const { image, truth, prediction } = makeScene();
const folder = await mkdtemp(join(tmpdir(), 'bench-case-figure-'));
try {
  const labels = HE_LABELS.map(({ name, colour }) => ({ name, colour }));
  await writeFile(join(folder, 'scene.json'), JSON.stringify({ ...SCENE, labels }));
  await writeFile(join(folder, 'image.raw'), image);
  await writeFile(join(folder, 'truth.raw'), truth);
  await writeFile(join(folder, 'prediction.raw'), prediction);
  const out = join(folder, 'reignite.png');
  const ours = inNode('reignite', () =>
    drawCaseFigure({
      roi: 'bench_with_context',
      image: { ...SCENE, data: image },
      truth: { ...SCENE, data: truth },
      prediction: { ...SCENE, data: prediction },
      out,
    }),
  );
  const peer = new PythonPeer(join(import.meta.dirname, 'case_figure_peer.py'), [folder]);
  report('Case figure, 3328 x 2560 px', await paired(ours, [peer.contender('matplotlib')], 3));
  console.log(
    `reignite ${(await stat(out)).size} bytes, matplotlib ${(await stat(join(folder, 'matplotlib.png'))).size}`,
  );
  peer.close();
} finally {
  if (process.env['BENCH_KEEP'] === undefined) await rm(folder, { recursive: true });
  else console.log(folder);
}
