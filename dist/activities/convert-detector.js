import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { detectorFile } from '../toolkit/dataset/layout.js';
import { ReigniteError } from '../toolkit/errors.js';
import { inside } from '../toolkit/files/inside.js';
import { prepareCellModel } from '../toolkit/models/cell-model.js';
import { writeModelPassport } from '../toolkit/models/model-passport.js';
import { TASK_SETTINGS } from '../toolkit/yolov5/task-settings.js';
import { withHeartbeat } from './heartbeat.js';
import { ConvertDetectorInput } from './inputs.js';
/**
 * Makes a detector ready, once for every content: the record's YOLOv5 checkpoint as ONNX, or the user's own. Says in the
 * results what it is.
 */
export function createConvertDetector(home) {
    return async function convertDetector(input) {
        const { folders, task, model: own } = ConvertDetectorInput.parse(input);
        const signal = Context.current().cancellationSignal;
        return withHeartbeat({ phase: 'converting', task }, async () => {
            const path = own ?? inside(folders.data, detectorFile(task));
            const { digest, modelDir, classes } = await prepareCellModel(path, home.models, { signal });
            refuseOtherClasses(path, classes.length, task);
            await writeModelPassport(modelDir, join(folders.results, 'models', `${task}.json`), signal);
            return { digest };
        });
    };
}
function refuseOtherClasses(checkpoint, found, task) {
    const { classes } = TASK_SETTINGS[task];
    if (found === classes.length)
        return;
    throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `The detector ${checkpoint} knows ${found} classes; the task ${task} has ${classes.length}: ${classes.join(', ')}.`, { remedy: 'Use a detector that was trained for this task.' });
}
