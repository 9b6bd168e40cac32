import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startTimeOf } from '../files/process-identity.js';
/** Temporary files of a conversion: `.detector.onnx.<process>.<random>.tmp`. */
const LEFTOVER = /^\.detector\.(?:onnx|json)\.(\d+)\.[0-9a-f]+\.tmp$/;
/** Removes what conversions that were killed left in `folder`. */
export async function removeLeftovers(folder) {
    for (const name of await readdir(folder)) {
        const owner = LEFTOVER.exec(name)?.[1];
        if (owner !== undefined && (await startTimeOf(Number(owner))) === undefined) {
            await rm(join(folder, name), { force: true });
        }
    }
}
