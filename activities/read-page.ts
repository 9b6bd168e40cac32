import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { type PlannedRoi, ReadPageInput } from './inputs.ts';
import { StageFiles } from './stage-files.ts';

/** Reads the ROIs of one page of a plan. Runs as a local activity: it is no step that anybody needs to see. */
export function createReadPage(home: HomeFolders) {
  return async function readPage(input: ReadPageInput): Promise<PlannedRoi[]> {
    const { stage, page } = ReadPageInput.parse(input);
    return new StageFiles(home, stage).readPage(page);
  };
}
