import { describe, expect, it } from 'vitest';
import { exportedDetector, parsePythonLiteral } from '../../../toolkit/onnx/exported-detector.ts';
import type { DescribedModel } from '../../../toolkit/onnx/file/describe-model.ts';

function model(
  shape: readonly (number | string)[],
  metadata: Record<string, string>,
  operators: Record<string, number> = {},
): DescribedModel {
  return {
    irVersion: 8,
    opsets: [],
    producer: 'pytorch',
    graph: 'main',
    inputs: [{ name: 'images', elementType: 1, shape: [1, 3, 640, 640] }],
    outputs: [{ name: 'output0', elementType: 1, shape }],
    operators,
    parameters: 1,
    externalFiles: [],
    metadata,
  };
}

const NOTES = { stride: '32', task: 'detect', imgsz: '[640, 640]', names: "{0: 'a', 1: \"it's\"}" };

describe('exportedDetector', () => {
  it.each([
    ['an export of Ultralytics', [1, 6, 8400], NOTES, 'yolov8'],
    ['one with dynamic axes', ['batch', 6, 'anchors'], { ...NOTES, args: "{'dynamic': True}" }, 'yolov8'],
    ['one with every length open', ['batch', 'rows', 'anchors'], { ...NOTES, args: "{'dynamic': True}" }, 'yolov8'],
    [
      'one with every length open and suppression inside',
      ['b', 'r', 'c'],
      { ...NOTES, args: "{'nms': True}" },
      'end2end',
    ],
    ['one of YOLOv5 with every length open', ['b', 'r', 'c'], { stride: '32', names: "['a', 'b']" }, 'yolov5'],
    ['one with suppression inside', [1, 300, 6], { ...NOTES, args: "{'nms': True, 'batch': 1}" }, 'end2end'],
    ['one of a one-to-one head', [1, 300, 6], { ...NOTES, end2end: 'True' }, 'end2end'],
    ['one of YOLOv5', [1, 25200, 7], { stride: '32', names: "['a', 'b']" }, 'yolov5'],
    ['one of YOLOv5 with one class', [1, 25200, 6], { stride: '32', names: "{0: 'a'}" }, 'yolov5'],
  ])('understands the notes of %s', (_, shape, notes, format) => {
    const sidecar = exportedDetector('x.onnx', model(shape, notes));
    expect(sidecar?.output.format).toBe(format);
    expect(sidecar?.input.size).toEqual('imgsz' in notes ? [640, 640] : undefined);
    expect(sidecar?.labels[0]).toBe('a');
  });

  it('leaves a file without notes, or with unreadable ones, to its model JSON', () => {
    expect(exportedDetector('x.onnx', model([1, 6, 8400], {}))).toBeUndefined();
    const odd = { ...NOTES, names: '__import__("os").system("true")' };
    expect(exportedDetector('x.onnx', model([1, 6, 8400], odd))).toBeUndefined();
    expect(exportedDetector('x.onnx', model([1, 6, 8400], { ...NOTES, names: '{1: "a"}' }))).toBeUndefined();
  });

  it('reports another task, and an output that does not fit', () => {
    const error = (shape: number[], notes: object) => () =>
      exportedDetector('x.onnx', model(shape, { ...NOTES, ...notes }));
    expect(error([1, 38, 8400], { task: 'segment' })).toThrow(/the task segment/);
    expect(error([1, 9, 8400], {})).toThrow(/names 2 classes, and its output \[1,9,8400\]/);
  });
});

describe('RT-DETR', () => {
  // With two classes: centre x, centre y, width, height and two scores, as wide as a box after suppression.
  it.each([
    ['notes its head', { head: 'RTDETRDecoder', end2end: 'False' }, {}],
    ['is named in the description', { description: 'Ultralytics rtdetr-l model' }, {}],
    ['samples feature maps', { description: 'Ultralytics my model' }, { GridSample: 18 }],
  ])('is refused if it %s', (_, notes, operators) => {
    expect(() => exportedDetector('x.onnx', model([1, 300, 6], { ...NOTES, ...notes }, operators))).toThrow(/RT-DETR/);
  });

  it('is not what any other head with two classes is', () => {
    const notes = { ...NOTES, head: 'v10Detect', description: 'Ultralytics YOLOv10n model' };
    expect(exportedDetector('x.onnx', model([1, 300, 6], notes, { TopK: 2 }))?.output.format).toBe('end2end');
  });

  it('is not what a YOLO that samples feature maps is, if it notes its head', () => {
    const notes = { ...NOTES, head: 'Detect', description: 'Ultralytics my model' };
    const operators = { GridSample: 2 };
    expect(exportedDetector('x.onnx', model([1, 6, 8400], notes, operators))?.output.format).toBe('yolov8');
  });
});

describe('parsePythonLiteral', () => {
  it.each([
    ["{0: 'a', 'b': (1, 2.5, -3e2), }", { '0': 'a', b: [1, 2.5, -300] }],
    ['[]', []],
    ['"a\\"b\\n"', 'a"b\n'],
    ['[True, False, None]', [true, false, null]],
    ['"a\\xa0\\u200b\\U0001f9ec"', 'a\u00a0\u200b\u{1f9ec}'],
  ])('reads %s', (text, value) => {
    expect(parsePythonLiteral(text)).toEqual(value);
  });

  it.each([
    '"\\xg0"',
    '"\\u12"',
    '"\\Uffffffff"',
    '',
    '{',
    "{'a' 1}",
    '[1 2]',
    'open("x")',
    "'a",
    '[1] 2',
    `${'['.repeat(50)}${']'.repeat(50)}`,
  ])('refuses %s', (text) => {
    expect(parsePythonLiteral(text)).toBeUndefined();
  });
});
