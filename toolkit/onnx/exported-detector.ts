import { ReigniteError } from '../errors.ts';
import { DetectionSidecar } from './custom-model/sidecar.ts';
import type { DescribedModel, DescribedValue } from './file/describe-model.ts';
import { parsePythonLiteral } from './python-literal.ts';

/** An output with one row per box after non-maximum suppression: x1, y1, x2, y2, score, class. */
const SUPPRESSED_COLUMNS = 6;
const MAX_CLASSES = 1_000;

/**
 * Describes a detector that YOLOv5 or Ultralytics exported to ONNX, from the metadata that both store in the file:
 * names, stride, imgsz, task, and whether non-maximum suppression is included.
 *
 * @returns Undefined if the file has no such metadata.
 * @throws ReigniteError SIDECAR_INVALID for an export of another task, or one whose output is not that of a detector.
 */
export function exportedDetector(path: string, model: DescribedModel): DetectionSidecar | undefined {
  const { names: noted, stride, imgsz, task = 'detect' } = model.metadata;
  const names = namesOf(noted);
  if (names === undefined || stride === undefined) return undefined;
  if (task !== 'detect') {
    throw new ReigniteError('SIDECAR_INVALID', `${path} is an export of the task ${task}, which is not supported.`, {
      remedy: 'For cells, export a model of the task `detect`, or give the .pt file of a `segment` model.',
    });
  }
  const [output] = model.outputs;
  const format = output === undefined ? undefined : formatOf(output, names.length, model.metadata);
  if (format === undefined) {
    throw new ReigniteError(
      'SIDECAR_INVALID',
      `${path} names ${names.length} classes, and its output [${output?.shape ?? ''}] is not that of such a detector.`,
      { remedy: 'Export the model again, or describe it in a JSON file next to it, as docs/custom-models.md shows.' },
    );
  }
  const size = sizeOf(imgsz);
  const input = size === undefined ? {} : { input: { size } };
  return DetectionSidecar.parse({ kind: 'detection', ...input, output: { format }, labels: names });
}

/** Reads class names from a dict with numbers as keys, or from a list. */
function namesOf(text: string | undefined): readonly string[] | undefined {
  const value = text === undefined ? undefined : parsePythonLiteral(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const names = Array.isArray(value)
    ? value
    : Object.entries(value)
        .sort(([a], [b]) => Number(a) - Number(b))
        .map(([, name]) => name);
  const isWhole = Array.isArray(value) || names.every((_, index) => Object.hasOwn(value, String(index)));
  const areTexts = names.every((name) => typeof name === 'string' && name !== '');
  return isWhole && areTexts && names.length > 0 && names.length <= MAX_CLASSES ? names.map(String) : undefined;
}

function sizeOf(text: string | undefined): readonly [number, number] | undefined {
  const value = text === undefined ? undefined : parsePythonLiteral(text);
  const sides = Array.isArray(value) ? value : [value, value];
  const [height, width] = sides;
  return typeof height === 'number' && typeof width === 'number' ? [height, width] : undefined;
}

/**
 * Determines the format from the lengths of the axes. With one class, a row of YOLOv5 has six numbers, like a row after
 * suppression; in that case the metadata decide.
 */
function formatOf(
  { shape }: DescribedValue,
  classes: number,
  metadata: DescribedModel['metadata'],
): DetectionSidecar['output']['format'] | undefined {
  const [, first, second] = shape;
  const { task } = metadata;
  if (shape.length !== 3) return undefined;
  // An export with dynamic axes may fix no length; the actual lengths are checked when it runs.
  const mayBe = (length: number | string | undefined, count: number) => length === count || typeof length === 'string';
  if (isSuppressed(metadata) && mayBe(second, SUPPRESSED_COLUMNS)) return 'end2end';
  if (task !== undefined && mayBe(first, 4 + classes)) return 'yolov8';
  if (first === 4 + classes) return 'yolov8';
  // YOLOv5 does not record the task.
  if (task === undefined && mayBe(second, 5 + classes)) return 'yolov5';
  return second === SUPPRESSED_COLUMNS ? 'end2end' : undefined;
}

function isSuppressed({ end2end, nms, args }: DescribedModel['metadata']): boolean {
  const options = args === undefined ? undefined : parsePythonLiteral(args);
  const isNmsInside = Object.entries(options ?? {}).some(([name, value]) => name === 'nms' && value === true);
  return end2end === 'True' || nms === 'True' || isNmsInside;
}
