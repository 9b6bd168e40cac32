import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { decodeRgb } from '../../../../toolkit/image/decode-pixels.ts';
import { readNpy } from '../../../../toolkit/numpy.ts';
import { type Checkpoint, openCheckpoint } from '../../../../toolkit/pytorch/containers/checkpoint.ts';
import { fillTile } from '../../../../toolkit/yolo/detect/image-views.ts';

export const FIXTURES = join(import.meta.dirname, '../../../fixtures/yolov5');
/** Side of the fixtures' tiles in px. */
export const SIZE = 64;

export function fixture(name: string): string {
  return join(FIXTURES, name);
}

export async function floatsOf(name: string): Promise<Float32Array> {
  const { data } = await readNpy(fixture(name));
  if (data instanceof Float32Array) return data;
  throw new TypeError(`${name} is not float32`);
}

/** tile.png as the network takes it. */
export async function tileInput(): Promise<Float32Array> {
  const input = new Float32Array(3 * SIZE * SIZE);
  fillTile(await decodeRgb(fixture('tile.png')), { left: 0, top: 0 }, SIZE, input);
  return input;
}

/** A checkpoint that is closed when the test ends. */
export async function opened(path: string): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(path);
  onTestFinished(() => checkpoint.close());
  return checkpoint;
}
