import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { CellTask } from '../config/tasks.ts';
import { detectorFile } from '../toolkit/dataset/layout.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { inside } from '../toolkit/files/inside.ts';
import { convertDetector as convert, detectorDigest } from '../toolkit/yolov5/convert-detector.ts';
import { TASK_SETTINGS } from '../toolkit/yolov5/task-settings.ts';
import { withHeartbeat } from './heartbeat.ts';
import { ConvertDetectorInput, type ModelRef } from './inputs.ts';

/** Reads a published YOLOv5 checkpoint and writes it as ONNX, once for every digest of the checkpoint. */
export function createConvertDetector(home: HomeFolders) {
  return async function convertDetector(input: ConvertDetectorInput): Promise<ModelRef> {
    const { data, task } = ConvertDetectorInput.parse(input);
    const signal = Context.current().cancellationSignal;
    return withHeartbeat({ phase: 'converting', task }, async () => {
      const checkpoint = inside(data, detectorFile(task));
      const digest = await detectorDigest(checkpoint);
      const card = await convert({ checkpoint, out: join(home.models, digest), signal });
      refuseOtherClasses(checkpoint, card.nc, task);
      return { digest };
    });
  };
}

function refuseOtherClasses(checkpoint: string, found: number, task: CellTask): void {
  const { classes } = TASK_SETTINGS[task];
  if (found === classes.length) return;
  throw new ReigniteError(
    'CHECKPOINT_UNSUPPORTED',
    `The detector ${checkpoint} knows ${found} classes; the task ${task} has ${classes.length}: ${classes.join(', ')}.`,
    { remedy: 'Use a detector that was trained for this task.' },
  );
}
