import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { type OutstandingRoi, ReadBatchInput } from '../inputs.ts';
import { TaskFiles } from './task-files.ts';

/** Reads the ROIs of one batch of a plan. A local activity, because users need not see it. */
export function createReadBatch(home: HomeFolders) {
  return async function readBatch(input: ReadBatchInput): Promise<OutstandingRoi[]> {
    const { stage, batch } = ReadBatchInput.parse(input);
    return new TaskFiles(home, stage).readBatch(batch);
  };
}
