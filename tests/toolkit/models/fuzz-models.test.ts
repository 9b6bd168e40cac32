import { readFileSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { inspectModel } from '../../../cli/predict/inspect-model.ts';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { describeOnnxModel } from '../../../toolkit/models/describe-onnx.ts';
import { openCheckpoint } from '../../../toolkit/pytorch/containers/checkpoint.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { safetensorsBytes } from '../../support/safetensors.ts';

const MODELS = fileURLToPath(new URL('../../fixtures/onnx-models/', import.meta.url));
const ROUNDS = 150;

/** Some bytes changed, cut out or put in; digits and signs often, since lengths and offsets are what goes wrong. */
function damaged(original: Uint8Array, { below, oneOf }: ReturnType<typeof randomNumbers>): Buffer {
  let bytes = Buffer.from(original);
  for (let round = 1 + below(3); round > 0; round--) {
    const at = below(bytes.length);
    const kind = below(4);
    if (kind === 0) bytes[at] = below(256);
    else if (kind === 1) bytes[at] = oneOf([...Buffer.from('0123456789-[]{},:"&*')]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(8))]);
    else
      bytes = Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(oneOf(['9999999999', '-1', '\xff'])),
        bytes.subarray(at),
      ]);
    if (bytes.length === 0) return Buffer.from([0]);
  }
  return bytes;
}

/** @returns Undefined, or the error that is not a ReigniteError. */
async function faultOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error instanceof ReigniteError && error.code !== 'INTERNAL' ? undefined : error;
  }
}

describe('a damaged file', () => {
  it.each(['half.onnx', 'int8.onnx'])('in place of %s is described or rejected', async (name) => {
    const original = readFileSync(join(MODELS, name));
    const random = randomNumbers(7);
    const path = join(await temporaryFolder(), name);
    for (let round = 0; round < ROUNDS; round++) {
      await writeFile(path, damaged(original, random));
      expect(await faultOf(() => describeOnnxModel(path))).toBeUndefined();
      expect(await faultOf(() => inspectModel(path))).toBeUndefined();
    }
  });

  it.each([
    ['bioimage-0.4/rdf.yaml', 'bioimage-0.4/weights.onnx'],
    ['bioimage-0.5/bioimageio.yaml', 'bioimage-0.5/weights.onnx'],
    ['channels_last.json', 'channels_last.onnx'],
  ])('in place of %s describes the model or is refused', async (name, model) => {
    const original = readFileSync(join(MODELS, name));
    const random = randomNumbers(11);
    const folder = await temporaryFolder();
    const [onnx, path] = [join(folder, model.split('/').at(-1) ?? ''), join(folder, name.split('/').at(-1) ?? '')];
    await copyFile(join(MODELS, model), onnx);
    for (let round = 0; round < ROUNDS; round++) {
      await writeFile(path, damaged(original, random));
      expect(await faultOf(() => describeOnnxModel(onnx))).toBeUndefined();
    }
  });

  it('in place of a safetensors file is read or rejected', async () => {
    const header = {
      a: { dtype: 'F32', shape: [2, 1], data_offsets: [0, 8] },
      b: { dtype: 'I64', shape: [1], data_offsets: [8, 16] },
    };
    const original = safetensorsBytes(header, new Uint8Array(16));
    const random = randomNumbers(13);
    const path = join(await temporaryFolder(), 'weights.safetensors');
    for (let round = 0; round < ROUNDS; round++) {
      await writeFile(path, damaged(original, random));
      expect(await faultOf(async () => (await openCheckpoint(path)).close())).toBeUndefined();
    }
  });
});

describe('a hostile description', () => {
  it.each([
    [
      'a bomb of aliases',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghij'].map((name, at) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefghij'[at]}`).join(',')}]`).join('\n')}`,
    ],
    ['a deep nest', '['.repeat(100_000)],
    ['an object that is its own prototype', '__proto__: {inputs: 1}\ninputs: {__proto__: []}'],
    ['a tag that names code', 'inputs: !!python/object/apply:os.system ["true"]'],
  ])('of bioimage.io, %s, is refused', async (_, text) => {
    const folder = await temporaryFolder();
    await copyFile(join(MODELS, 'bioimage-0.4/weights.onnx'), join(folder, 'weights.onnx'));
    await writeFile(join(folder, 'rdf.yaml'), text);
    const described = describeOnnxModel(join(folder, 'weights.onnx'));
    await expect(described).rejects.toMatchObject({ code: 'SIDECAR_INVALID' });
  });
});
