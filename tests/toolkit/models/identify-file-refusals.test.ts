import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { inspectModel } from '../../../cli/predict/inspect-model.ts';
import { describeDetector } from '../../../toolkit/models/cell-model.ts';
import { writeOwnSegmentation } from '../../support/custom-onnx.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const fixture = (path: string) => fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url));
const safetensors = Buffer.concat([Buffer.from([10, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}        ')]);

it.each([
  [
    'pointer.pt',
    'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
    /a Git LFS pointer/,
    /git lfs pull/,
  ],
  ['page.pt', '<!DOCTYPE html><html></html>', /an HTML page/, /Download the file again/],
  ['weights.pt', safetensors, /a safetensors file/, /export the model to ONNX/],
  ['keras.pt', Buffer.from([0x89, 0x48, 0x44, 0x46, 0x0d]), /an HDF5 file/, /tf2onnx/],
])('says what %s is, and what helps', async (name, content, cause, remedy) => {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  await expect(describeDetector(path)).rejects.toMatchObject({
    code: 'CHECKPOINT_UNSUPPORTED',
    message: expect.stringMatching(cause),
    remedy: expect.stringMatching(remedy),
  });
});

it('says that an ONNX file needs no conversion', async () => {
  const folder = await temporaryFolder();
  const [onnx, path] = [join(folder, 'model.onnx'), join(folder, 'model.pt')];
  const sidecar = {
    kind: 'segmentation',
    output: { values: 'probabilities', layout: 'NHWC' },
    labels: ['a', 'b', 'c'],
  };
  await writeOwnSegmentation(onnx, sidecar, 'probabilities, NHWC out');
  await rename(onnx, path);
  await expect(describeDetector(path)).rejects.toMatchObject({ message: expect.stringMatching(/is an ONNX file/) });
});

it.each([
  ['ultralytics/v8.pt', 'a DetectionModel of Ultralytics 8.4.190, 2 classes: round cell, long cell'],
  ['ultralytics/seg.pt', 'a SegmentationModel of Ultralytics 8.4.190, 2 classes: round cell, long cell'],
  ['yolov5/v7.pt', 'a DetectionModel of YOLOv5, 2 classes: round, long'],
  ['yolov5/v5.pt', 'a Model of YOLOv5, 1 classes: cell'],
])('inspect says what %s is', async (path, holds) => {
  expect((await inspectModel(fixture(path))).holds).toBe(holds.replace('1 classes', '1 class'));
});

it('describes a detector without converting it', async () => {
  expect(await describeDetector(fixture('ultralytics/v10.pt'))).toEqual({
    family: 'ultralytics',
    classes: ['round cell', 'long cell'],
    stride: 16,
    imgsz: 64,
    hasTwoHeads: true,
  });
});
