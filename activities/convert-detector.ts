import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { CellTask } from '../config/tasks.ts';
import { detectorFile } from '../toolkit/dataset/layout.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { inside } from '../toolkit/files/inside.ts';
import { prepareCellModel } from '../toolkit/models/cell-model.ts';
import { writeModelPassport } from '../toolkit/models/model-passport.ts';
import { cellDefinition } from '../toolkit/tasks/registry.ts';
import { withHeartbeat } from './heartbeat.ts';
import { ConvertDetectorInput, type ModelRef } from './inputs.ts';

/**
 * Makes a detector ready, once for every content: the record's YOLOv5 checkpoint as ONNX, or the user's own. Says in the
 * results what it is.
 */
export function createConvertDetector(home: HomeFolders) {
  return async function convertDetector(input: ConvertDetectorInput): Promise<ModelRef> {
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

function refuseOtherClasses(checkpoint: string, found: number, task: CellTask): void {
  const { classes } = cellDefinition(task);
  if (found === classes.length) return;
  throw new ReigniteError(
    'CHECKPOINT_UNSUPPORTED',
    `The detector ${checkpoint} knows ${found} classes; the task ${task} has ${classes.length}: ${classes.join(', ')}.`,
    { remedy: 'Use a detector that was trained for this task.' },
  );
}
