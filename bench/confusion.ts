import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countConfusion } from '../toolkit/metrics/he-metrics.ts';
import { makeScene } from './case-figure-scene.ts';
import { inNode, PythonPeer, paired, report } from './paired.ts';

// Counts the 17x17 confusion matrix of one large ROI, with masks in memory, against scikit-learn and numpy.bincount.
const { truth, prediction } = makeScene();
const folder = await mkdtemp(join(tmpdir(), 'bench-confusion-'));
try {
  await writeFile(join(folder, 'truth.raw'), truth);
  await writeFile(join(folder, 'prediction.raw'), prediction);
  const peer = new PythonPeer(join(import.meta.dirname, 'confusion_peer.py'), [folder]);
  const ours = countConfusion(truth, prediction).toRows();
  for (const name of ['scikit-learn', 'numpy.bincount']) {
    if ((await peer.ask(`check ${name}`)) !== JSON.stringify(ours)) throw new Error(`${name} counts otherwise`);
  }
  const contenders = ['scikit-learn', 'numpy.bincount'].map((name) => peer.contender(name));
  const result = await paired(
    inNode('reignite', () => countConfusion(truth, prediction)),
    contenders,
    7,
  );
  report('Confusion of 17 labels, 3328 x 2560 px', result);
  peer.close();
} finally {
  await rm(folder, { recursive: true });
}
