import { describe, expect, it } from 'vitest';
import type { DescribedDetector } from '../../../toolkit/models/cell-model.ts';
import { iouOf, planDetection } from '../../../toolkit/predict/detection-plan.ts';
import type { PredictionChoices } from '../../../toolkit/predict/prediction.ts';

const TASK = { settings: { tile: 512, confidence: 0.5, iou: 0.4 }, classes: ['nucleus'] };
const PAPERS: DescribedDetector = { family: 'yolov5', classes: ['nucleus'], stride: 32 };
const OTHERS: DescribedDetector = { family: 'ultralytics', classes: ['nucleus'], stride: 32, imgsz: 1000 };
const IMAGE = { width: 1200, height: 700 };
const choices = (more: Partial<PredictionChoices> = {}) => ({ resample: false, simplify: 0, minArea: 0, ...more });

describe('planDetection', () => {
  it('runs a model with the classes of the task like the paper', () => {
    const plan = planDetection(PAPERS, choices(), TASK);
    expect(plan).toMatchObject({ isPaper: true, isOfTask: true });
    expect(plan.notes({ isSuppressed: false })).toEqual([]);
    const detection = plan.of(IMAGE);
    expect(detection).toEqual({
      size: { height: 512, width: 512 },
      confidence: 0.5,
      iou: 0.4,
      suppression: 'together',
    });
    expect(planDetection(PAPERS, choices({ confidence: 0.3 }), TASK)).toMatchObject({ isPaper: false });
  });

  it("runs the paper's model in the same way with --overlap 0, and selects a head only if there are two", () => {
    expect(planDetection(PAPERS, choices({ overlap: 0 }), TASK).of(IMAGE)).toEqual(
      planDetection(PAPERS, choices(), TASK).of(IMAGE),
    );
    expect(planDetection(OTHERS, choices({ iou: 0.5 }), TASK).oneToMany).toBe(false);
    expect(planDetection({ ...OTHERS, hasTwoHeads: true }, choices({ iou: 0.5 }), TASK).oneToMany).toBe(true);
  });

  it("keeps the paper's tile, or the size of an ONNX file, if only the overlap is set", () => {
    const detection = planDetection(PAPERS, choices({ overlap: 64 }), TASK).of(IMAGE);
    expect(detection).toMatchObject({ size: { height: 512, width: 512 }, view: { kind: 'tiles', overlap: 64 } });
    expect(detection.suppression).toBe('together');
    const converted = { ...PAPERS, fixed: { height: 640, width: 640 } };
    for (const choice of [choices({ overlap: 64 }), choices({ fit: 'tiles' })])
      expect(planDetection(converted, choice, TASK).of(IMAGE).size).toEqual({ height: 640, width: 640 });
  });

  it('runs any other model like its package, in tiles of its training size', () => {
    const detection = planDetection(OTHERS, choices(), TASK).of(IMAGE);
    expect(detection).toEqual({
      size: { height: 1024, width: 1024 },
      view: { kind: 'tiles', overlap: 205 },
      confidence: 0.25,
      iou: 0.7,
      recorded: 0.1,
      suppression: 'by-class',
    });
    const yolov5 = planDetection({ ...PAPERS, classes: ['cell'] }, choices(), TASK).of(IMAGE);
    expect(yolov5).toMatchObject({ size: { height: 640, width: 640 }, iou: 0.45 });
  });

  it('scales an image to --imgsz, as a rectangle or, for a fixed input, as a square', () => {
    const plan = planDetection(OTHERS, choices({ imgsz: 640 }), TASK);
    expect(plan.of(IMAGE)).toMatchObject({ size: { height: 384, width: 640 }, view: { kind: 'letterbox' } });
    const fixed = { ...OTHERS, family: 'onnx', fixed: { height: 640, width: 640 } } as const;
    expect(planDetection(fixed, choices({ fit: 'letterbox' }), TASK).of(IMAGE)).toMatchObject({
      size: { height: 640, width: 640 },
      view: { box: { top: 133, scaledHeight: 373 } },
    });
    expect(() => planDetection(fixed, choices({ imgsz: 320 }), TASK)).toThrow(/its ONNX file takes 640 px/);
  });

  it('rejects contradictory options', () => {
    const plan = (more: Partial<PredictionChoices>) => () => planDetection(OTHERS, choices(more), TASK);
    expect(plan({ imgsz: 640, overlap: 5 })).toThrow(/--fit tiles/);
    expect(plan({ imgsz: 640, resample: true, mpp: 1 })).toThrow(/--resample is for tiles/);
    expect(plan({ overlap: 600 })).toThrow(/more than half of a tile/);
  });

  it('scales a whole image into an input of an ONNX file that is not square', () => {
    const fixed = { height: 416, width: 640 };
    const exported: DescribedDetector = { family: 'onnx', classes: ['nucleus'], stride: 32, fixed };
    const plan = planDetection(exported, choices(), TASK);
    // 1200 x 700 px become 640 x 373.3; rounded, the rest is padded above and below.
    expect(plan.of(IMAGE)).toMatchObject({
      size: fixed,
      view: { kind: 'letterbox', box: { ...fixed, scaledWidth: 640, scaledHeight: 373, left: 0, top: 21 } },
    });
    expect(planDetection(exported, choices({ imgsz: 640 }), TASK).of(IMAGE).size).toEqual(fixed);
    // A tall image is scaled to the height.
    expect(plan.of({ width: 100, height: 832 }).view).toMatchObject({
      box: { scaledWidth: 50, scaledHeight: 416, left: 295 },
    });
    expect(() => planDetection(exported, choices({ imgsz: 512 }), TASK)).toThrow('takes 640 x 416 px');
    for (const tiles of [{ fit: 'tiles' }, { overlap: 10 }] as const) {
      expect(() => planDetection(exported, choices(tiles), TASK)).toThrow('not square');
    }
  });

  it('says that no IoU threshold applies to a model that selects its boxes itself', () => {
    const exported: DescribedDetector = { family: 'onnx', classes: ['nucleus'], stride: 32 };
    const notes = (iou?: number) =>
      planDetection(exported, choices(iou === undefined ? {} : { iou }), TASK)
        .notes({ isSuppressed: true })
        .join(' ');
    expect(notes()).toMatch(/confidence 0\.25\. .*no IoU threshold applies/);
    expect(notes(0.4)).toMatch(/--iou was not applied/);
    expect(notes()).not.toContain('0.7');
    const { of } = planDetection(exported, choices({ iou: 0.4 }), TASK);
    expect(iouOf({ isSuppressed: true }, of({ width: 64, height: 64 }))).toBe(0.7);
    expect(iouOf({ isSuppressed: false }, of({ width: 64, height: 64 }))).toBe(0.4);
    expect(planDetection(exported, choices(), TASK).notes({ isSuppressed: false }).join(' ')).toContain('IoU 0.7.');
  });
});
