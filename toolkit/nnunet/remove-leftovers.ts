import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Temporary files of a conversion: `.fold_3.onnx.<process>.<random>.tmp`. */
const LEFTOVER = /^\.(?:fold_\d+\.onnx|model\.json)\.(\d+)\.[0-9a-f]+\.tmp$/;

/** Removes what conversions that were killed left in `folder`: 165 MB each at the paper's scale. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const owner = LEFTOVER.exec(name)?.[1];
    if (owner !== undefined && !isRunning(Number(owner))) await rm(join(folder, name), { force: true });
  }
}

/** Signal 0 asks whether a process is there; "not allowed" means that it is. */
function isRunning(process_: number): boolean {
  try {
    process.kill(process_, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
