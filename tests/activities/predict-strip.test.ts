import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { createPredictionSteps } from '../../activities/predict-images.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { homeFolders } from '../../toolkit/files/folders.ts';
import { createRoiSegmenter } from '../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import type { ImagePredictor } from '../../toolkit/predict/prediction.ts';
import { PredictionFolder } from '../../toolkit/predict/prediction-folder.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { createCellDetector } from '../../toolkit/yolo/detect/cell-detector.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';
import { runActivity } from '../support/run-activity.ts';

describe('predictStrip', () => {
  it('keeps the failure of a strip while others run, and removes it once that strip succeeds', async () => {
    const out = await temporaryFolder();
    const strips = [
      { first: 0, end: 12 },
      { first: 12, end: 24 },
    ] as const;
    let isDamaged = true;
    const predictor: ImagePredictor = {
      model: { digest: 'none' },
      predict: () => Promise.reject(new Error('not asked for')),
      strips: async () => strips,
      async predictStrip(_, { first }) {
        if (first === 0 && isDamaged) throw new ReigniteError('IMAGE_UNREADABLE', 'Tile 7 is damaged.');
        return { cached: false };
      },
    };
    const opened = vi.spyOn(taskNamed('he'), 'openPredictor').mockResolvedValue(predictor);
    try {
      const engines = { segmenter: createRoiSegmenter(), detector: createCellDetector() };
      const steps = createPredictionSteps(homeFolders(join(out, 'home')), engines);
      const image = { path: join(out, 'case.svs'), name: 'case', slide: true } as const;
      const input = {
        order: {
          task: 'he',
          model: 'model',
          out: join(out, 'out'),
          session: { provider: 'cpu' },
          choices: { resample: false, simplify: 0, minArea: 0 },
        },
        list: { folder: 'list', batches: 1, total: 1 },
        image,
      } as const;
      const failures = async () => (await new PredictionFolder(input.order.out).writeSummary([image])).failures;
      expect(await runActivity(steps.planSlide, input)).toEqual({ strips });
      expect(await failures()).toMatchObject([{ code: 'CANCELLED' }]);
      await expect(runActivity(steps.predictStrip, { ...input, strip: strips[0] })).rejects.toThrow('Tile 7');
      await runActivity(steps.predictStrip, { ...input, strip: strips[1] });
      expect(await failures()).toMatchObject([{ code: 'IMAGE_UNREADABLE', cause: 'Tile 7 is damaged.' }]);
      isDamaged = false;
      await runActivity(steps.predictStrip, { ...input, strip: strips[0] });
      expect(await failures()).toMatchObject([{ code: 'CANCELLED' }]);
      // Another attempt at the slide clears it too.
      isDamaged = true;
      await expect(runActivity(steps.predictStrip, { ...input, strip: strips[0] })).rejects.toThrow('Tile 7');
      await runActivity(steps.planSlide, input);
      expect(await failures()).toMatchObject([{ code: 'CANCELLED' }]);
    } finally {
      opened.mockRestore();
    }
  });
});
