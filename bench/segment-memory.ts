/**
 * Peak memory and time of our segmentation of a large ROI, without a peer.
 *
 *     tsx bench/segment-memory.ts --python PYTHON [--model NNUNET_FOLDER] [--size 3328x2560] [--rows N | --sparse]
 *
 * A height of 10,240 px takes an hour on two cores; `--rows` stops after that many tile rows, long after memory has
 * levelled off: the buffers of the rows do not grow with the height, only the image (3 bytes per pixel) does. The last
 * step of an ROI, writing its mask and confidences, is then skipped. `--sparse` includes every tile row and every step,
 * but predicts few tiles per row: those around one annotated pixel in every 1,500 rows.
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

// In a separate process: converting a model and drawing an image use memory too.
const script = fileURLToPath(new URL('./segment-roi-ours.ts', import.meta.url));
const args = ['--model', converted, '--image', image, '--mask', join(WORK_FOLDER, 'memory.png')];
const limit = values.rows === undefined ? [] : ['--rows', values.rows];
const scope = values.sparse ? ['--truth', await prepareSparseTruth(width, height)] : [];
execFileSync(process.execPath, ['--import', 'tsx', script, ...args, ...limit, ...scope], { stdio: 'inherit' });
