import { existsSync, statSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ReigniteError } from '../../toolkit/errors.js';
import { replaceFile, writeFileAtomic } from '../../toolkit/files/atomic-write.js';
import { convertModel } from '../../toolkit/nnunet/convert-model.js';
import { convertDetector } from '../../toolkit/yolov5/convert-detector.js';
/**
 * Converts one checkpoint to ONNX: a fold of an nnU-Net v1 model (`fold_K/model_best.model`, its `.pkl` beside it), or
 * a YOLOv5 detector.
 *
 * @param size - Side of a detector's tile in px.
 * @throws ReigniteError FILE_MISSING, or what the conversion of either family throws.
 */
export async function convertModelFile(file, out, size) {
    if (!existsSync(file))
        throw new ReigniteError('FILE_MISSING', `There is no file ${file}.`);
    if (statSync(file).isDirectory()) {
        throw new ReigniteError('USAGE', `${file} is a folder.`, { remedy: 'Name the checkpoint of one fold in it.' });
    }
    const work = await mkdtemp(join(tmpdir(), 'reignite-convert-'));
    try {
        const { made, card } = await (isFold(file) ? convertFold(file, work) : convertCells(file, work, size));
        const onnx = out ?? `${file.replace(/\.[^./]+$/, '')}.onnx`;
        await replaceFile(onnx, (temporary) => copyFile(made, temporary));
        await writeFileAtomic(`${onnx.replace(/\.onnx$/, '')}.json`, `${JSON.stringify(card, null, 1)}\n`);
        return { onnx, card };
    }
    finally {
        await rm(work, { recursive: true, force: true });
    }
}
function isFold(file) {
    return basename(file) === 'model_best.model' && /^fold_\d+$/.test(basename(dirname(file)));
}
async function convertFold(file, work) {
    const fold = Number(basename(dirname(file)).slice('fold_'.length));
    const card = await convertModel({ folder: dirname(dirname(file)), folds: [fold], out: work });
    return { made: join(work, card.folds[0]?.file ?? ''), card };
}
async function convertCells(checkpoint, work, size) {
    const card = await convertDetector({ checkpoint, out: work, ...(size === undefined ? {} : { size }) });
    return { made: join(work, card.file), card };
}
