/**
 * Peak memory and time of our segmentation of a large ROI, without a peer.
 *
 *     tsx bench/segment-memory.ts --python PYTHON [--model NNUNET_FOLDER] [--size 3328x2560] [--rows N | --sparse]
 *
 * A height of 10,240 px takes an hour on two cores; `--rows` stops after that many rows of tiles, when memory has long
 * reached its level: the rows' buffers do not grow with the height, the image (3 bytes per pixel) does. The step that
 * ends an ROI, writing its mask and confidences, is left out then. `--sparse` goes through every row of tiles and every
 * step, but predicts few tiles per row: those around one pixel in each 1,500 rows, the only ones annotated.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseSize, prepareImage, prepareModel, prepareSparseTruth, WORK_FOLDER } from './segment-roi-setup.ts';

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    model: { type: 'string' },
    size: { type: 'string', default: '3328x2560' },
    rows: { type: 'string' },
    sparse: { type: 'boolean', default: false },
  },
});
const [width, height] = parseSize(values.size);
const { converted } = await prepareModel(values.python, values.model);
const image = await prepareImage(width, height);

// A process of its own: converting a model and drawing an image take memory too.
const script = fileURLToPath(new URL('./segment-roi-ours.ts', import.meta.url));
const args = ['--model', converted, '--image', image, '--mask', join(WORK_FOLDER, 'memory.png')];
const limit = values.rows === undefined ? [] : ['--rows', values.rows];
const scope = values.sparse ? ['--truth', await prepareSparseTruth(width, height)] : [];
execFileSync(process.execPath, ['--import', 'tsx', script, ...args, ...limit, ...scope], { stdio: 'inherit' });
