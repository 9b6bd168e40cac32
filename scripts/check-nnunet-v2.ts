// Compares predictions with those of nnunetv2: npx tsx scripts/check-nnunet-v2.ts ORACLE [MODEL ...]
// ORACLE contains models/, images/ and expected/<model>/capture.json, like the smaller tests/fixtures/nnunet-v2.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { compareWithOracle } from '../tests/toolkit/nnunet/support/v2-oracle.ts';
import { createRoiSegmenter } from '../toolkit/nnunet/sliding-window/roi-segmenter.ts';

const [path, ...only] = process.argv.slice(2);
if (path === undefined) throw new Error('Name the folder of the oracle.');
const root = resolve(path);
const work = await mkdtemp(join(tmpdir(), 'nnunet-v2-'));
const segmenter = createRoiSegmenter({ provider: 'cpu' });
try {
  for (const model of (await readdir(join(root, 'expected'))).sort()) {
    if (only.length > 0 && !only.includes(model)) continue;
    const capture = JSON.parse(await readFile(join(root, 'expected', model, 'capture.json'), 'utf8'));
    for (const image of Object.keys(capture.images)) {
      const found = await compareWithOracle({ root, model, image }, work, segmenter);
      console.log(model, image, found);
    }
  }
} finally {
  await segmenter.close();
  await rm(work, { recursive: true, force: true });
}
