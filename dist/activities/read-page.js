import { ReadPageInput } from './inputs.js';
import { StageFiles } from './stage-files.js';
/** Reads the ROIs of one page of a plan. Runs as a local activity: it is no step that anybody needs to see. */
export function createReadPage(home) {
    return async function readPage(input) {
        const { stage, page } = ReadPageInput.parse(input);
        return new StageFiles(home, stage).readPage(page);
    };
}
