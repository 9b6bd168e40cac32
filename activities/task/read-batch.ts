import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { type OutstandingRoi, ReadBatchInput } from '../inputs.ts';
import { TaskFiles } from './task-files.ts';

/** Reads the ROIs of one batch of a plan. Runs as a local activity: not an activity that people need to see. */
export function createReadBatch(home: HomeFolders) {
  return async function readBatch(input: ReadBatchInput): Promise<OutstandingRoi[]> {
    const { stage, batch } = ReadBatchInput.parse(input);
    return new TaskFiles(home, stage).readBatch(batch);
  };
}
