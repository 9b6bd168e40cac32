import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { describeCommand } from '../../../cli/predict/model.ts';
import { readJsonIfValid } from '../../../toolkit/files/text-file.ts';
import { decodeLabels } from '../../../toolkit/image/decode-labels.ts';
import { describeOnnxModel } from '../../../toolkit/models/describe-onnx.ts';
import { writeModelSummary } from '../../../toolkit/models/model-summary.ts';
import { prepareTissueModel } from '../../../toolkit/models/tissue-model.ts';
import { createRoiSegmenter } from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { bioimageSidecar } from '../../../toolkit/onnx/custom-model/bioimage.ts';
import { Sidecar } from '../../../toolkit/onnx/custom-model/sidecar.ts';
import { describeModel } from '../../../toolkit/onnx/file/describe-model.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

/** Models and masks of ONNX Runtime: see make.py there. */
const MODELS = fileURLToPath(new URL('../../fixtures/onnx-models/', import.meta.url));
const NAMES = [
  'sigmoid',
  'flat_grey',
  'channels_last',
  'half',
  'bytes',
  'alpha',
  'old',
  'int8',
  'apart',
  'bioimage-0.4/weights',
  'bioimage-0.5/weights',
];

const segmenter = createRoiSegmenter({ provider: 'cpu', threads: 1 });
afterAll(() => segmenter.close());

async function segmented(onnx: string): Promise<Uint8Array> {
  const folder = await temporaryFolder();
  const { modelDir } = await prepareTissueModel(onnx, join(folder, 'models'));
  const [mask, confidence, partialDir] = [join(folder, 'm.png'), join(folder, 'c.png'), join(folder, 'partial')];
  const image = join(MODELS, 'image.png');
  await segmenter.segment({ image, mask, confidence, modelDir, partialDir, scope: 'full' });
  return (await decodeLabels(mask)).data;
}

/** A copy of a model without what describes it. */
async function bare(name: string): Promise<string> {
  const onnx = join(await temporaryFolder(), `${basename(name)}.onnx`);
  await copyFile(join(MODELS, `${name}.onnx`), onnx);
  return onnx;
}

/** An ONNX file with these notes of its exporter and an output of one class. */
function exportedBytes(notes: Readonly<Record<string, string>>): Buffer {
  const field = (number: number, content: Uint8Array | string) => {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  };
  const axis = (length: number) => field(1, Buffer.from([8, length]));
  const value = (name: string, shape: readonly number[]) => {
    const tensor = Buffer.concat([Buffer.from([8, 1]), field(2, Buffer.concat(shape.map(axis)))]);
    return Buffer.concat([field(1, name), field(2, field(1, tensor))]);
  };
  const graph = Buffer.concat([field(11, value('images', [1, 3, 64, 64])), field(12, value('output0', [1, 5, 84]))]);
  const entries = Object.entries(notes).map(([key, text]) => field(14, Buffer.concat([field(1, key), field(2, text)])));
  return Buffer.concat([Buffer.from([8, 8]), field(7, graph), ...entries]);
}

describe('an ONNX segmentation model from another source', () => {
  it.each(NAMES)('%s gives the mask that ONNX Runtime gives', async (name) => {
    const { data } = await decodeLabels(join(MODELS, `${name}.png`));
    expect(Buffer.from(await segmented(join(MODELS, `${name}.onnx`))).equals(data)).toBe(true);
  });

  it('is another model if a file of its weights is another, and is rejected without it', async () => {
    const [onnx, folder] = [await bare('apart'), await temporaryFolder()];
    await copyFile(join(MODELS, 'apart.json'), onnx.replace('.onnx', '.json'));
    await expect(prepareTissueModel(onnx, folder)).rejects.toMatchObject({
      code: 'MODEL_UNREADABLE',
      message: expect.stringContaining('apart.onnx.data, which is not next to it'),
    });
    const weights = await readFile(join(MODELS, 'apart.onnx.data'));
    await writeFile(`${onnx}.data`, weights);
    const { digest } = await prepareTissueModel(onnx, folder);
    await writeFile(
      `${onnx}.data`,
      weights.map((byte, at) => (at === 2 ? byte + 1 : byte)),
    );
    expect((await prepareTissueModel(onnx, folder)).digest).not.toBe(digest);
  });

  it('is rejected if its weights are in another folder', async () => {
    const onnx = await bare('apart');
    await copyFile(join(MODELS, 'apart.json'), onnx.replace('.onnx', '.json'));
    const bytes = await readFile(onnx, 'latin1');
    await writeFile(onnx, bytes.replaceAll('apart.onnx.data', '../../etc/hosts'), 'latin1');
    await expect(prepareTissueModel(onnx, await temporaryFolder())).rejects.toMatchObject({
      code: 'MODEL_UNREADABLE',
      message: expect.stringMatching(/stores weights in \.\.\/\.\.\/etc\/hosts: .* another folder, are not supported/),
    });
  });

  it('with dynamic sizes is rejected during the run if its description is for another layout', async () => {
    const onnx = await bare('open');
    const sidecar = { kind: 'segmentation', input: { size: [32, 32] }, labels: ['a', 'b', 'c'] };
    const write = (layout: string) =>
      writeFile(onnx.replace('.onnx', '.json'), JSON.stringify({ ...sidecar, output: { values: 'logits', layout } }));
    await write('NCHW');
    await expect(segmented(onnx)).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
    await write('NHWC');
    expect(await segmented(onnx)).toHaveLength(32 * 32);
  });

  it('that is a detector is named as one', async () => {
    const notes = { names: "{0: 'nucleus'}", stride: '32', task: 'detect', imgsz: '[64, 64]' };
    const onnx = join(await temporaryFolder(), 'best.onnx');
    await writeFile(onnx, exportedBytes(notes));
    await expect(prepareTissueModel(onnx, dirname(onnx))).rejects.toMatchObject({
      message: expect.stringContaining('is a detector (nucleus)'),
      remedy: expect.stringContaining('task `nuclei`'),
    });
  });

  it('has a model summary with the arithmetic of its element types', async () => {
    const folder = await temporaryFolder();
    for (const name of ['half', 'bytes']) {
      const { modelDir } = await prepareTissueModel(join(MODELS, `${name}.onnx`), join(folder, 'models'));
      const { networks } = await writeModelSummary(modelDir, join(folder, 'summary.json'));
      expect(networks[0]?.parity.elements).toBe(3 * 32 * 32);
    }
  });
});

describe('scaling by the statistics of each image', () => {
  const labels = ['a', 'b', 'c'];
  const described = (preprocessing: string) => `format_version: 0.4.10
type: model
inputs:
  - {axes: bcyx, data_type: float32, shape: [1, 3, 32, 32], preprocessing: [${preprocessing}]}
outputs:
  - {axes: bcyx, shape: [1, 3, 32, 32], postprocessing: [{name: softmax}]}
weights: {onnx: {source: old.onnx}}
`;

  it.each([
    ['deviation', { by: 'deviation' }, '{name: zero_mean_unit_variance, kwargs: {mode: per_sample, axes: cyx}}'],
    [
      'percentiles',
      { by: 'percentiles', low: 1, high: 99.8, channels: 'apart' },
      // An equal scale before it changes nothing.
      '{name: scale_linear, kwargs: {gain: 0.5, offset: 3}}, {name: scale_range, kwargs: {axes: xy, min_percentile: 1, max_percentile: 99.8}}',
    ],
  ] as const)('by %s gives the mask of ONNX Runtime', async (name, normalise, preprocessing) => {
    const { data } = await decodeLabels(join(MODELS, `old.${name}.png`));
    const own = await bare('old');
    const sidecar = { kind: 'segmentation', input: { normalise }, output: { values: 'logits' }, labels };
    await writeFile(own.replace('.onnx', '.json'), JSON.stringify(sidecar));
    expect(Buffer.from(await segmented(own)).equals(data)).toBe(true);
    const zoo = await bare('old');
    await writeFile(join(dirname(zoo), 'rdf.yaml'), described(preprocessing));
    expect(Buffer.from(await segmented(zoo)).equals(data)).toBe(true);
  });

  it.each([
    ['deviation', { by: 'deviation' }],
    ['percentiles', { by: 'percentiles', low: 1, high: 99.8 }],
  ] as const)('of grey, by %s, gives the mask of ONNX Runtime, also of an image in colour', async (name, normalise) => {
    const { data } = await decodeLabels(join(MODELS, `flat_grey.${name}.png`));
    const own = await bare('flat_grey');
    const output = { values: 'sigmoid-logits', threshold: 0.7 };
    const sidecar = { kind: 'segmentation', input: { normalise }, output, labels: ['a'] };
    await writeFile(own.replace('.onnx', '.json'), JSON.stringify(sidecar));
    expect(Buffer.from(await segmented(own)).equals(data)).toBe(true);
  });

  it.each([
    ['bytes', { normalise: { by: 'deviation' } }, 'takes bytes'],
    ['old', { normalise: { by: 'deviation' }, range: [0, 1] }, 'input.range has no effect'],
    [
      'alpha',
      { normalise: { by: 'deviation' }, channels: 'RGBA' },
      'input.normalise cannot be used with alpha; the input takes RGBA',
    ],
    ['old', { normalise: { by: 'percentiles', low: 9, high: 3 } }, 'low must be below high'],
  ])('of %s with %j is refused: %s', async (name, input, reason) => {
    const onnx = await bare(name);
    const sidecar = { kind: 'segmentation', input, output: { values: 'logits' }, labels };
    await writeFile(onnx.replace('.onnx', '.json'), JSON.stringify(sidecar));
    const prepared = prepareTissueModel(onnx, join(dirname(onnx), 'models'));
    await expect(prepared).rejects.toMatchObject({ code: 'SIDECAR_INVALID', message: expect.stringContaining(reason) });
  });

  it.each([
    ['{name: zero_mean_unit_variance, kwargs: {mode: per_sample, axes: c}}', 'not along x and y'],
    ['{name: scale_range, kwargs: {axes: xy, reference_tensor: other}}', 'statistics of another tensor'],
    ['{name: scale_range, kwargs: {axes: xy}}, {name: scale_range, kwargs: {axes: xy}}', 'a second one'],
    ['{name: scale_range, kwargs: {axes: xy, max_percentile: "99.8"}}', 'scale_range has no number max_percentile'],
    ['{name: scale_range, kwargs: {axes: xy, min_percentile: [1]}}', 'scale_range has no number min_percentile'],
    [
      '{name: zero_mean_unit_variance, kwargs: {mode: per_sample, axes: cyx, eps: "1e-3"}}',
      'zero_mean_unit_variance has no number eps',
    ],
  ])('described as %s is refused', async (preprocessing, reason) => {
    const onnx = await bare('old');
    await writeFile(join(dirname(onnx), 'rdf.yaml'), described(preprocessing));
    const prepared = prepareTissueModel(onnx, join(dirname(onnx), 'models'));
    await expect(prepared).rejects.toMatchObject({ code: 'SIDECAR_INVALID', message: expect.stringContaining(reason) });
  });
});

describe('what a model JSON file says of an ONNX model', () => {
  it.each([
    ['half', { output: { values: 'logits', threshold: 0.5 }, labels: ['a', 'b', 'c'] }, 'a threshold needs'],
    ['sigmoid', { output: { values: 'probabilities' }, labels: ['a'] }, 'one label needs the values sigmoid'],
    ['sigmoid', { output: { values: 'sigmoid' }, labels: [{ name: 'a', value: 0 }] }, 'the value 0 is the background'],
    ['sigmoid', { output: { values: 'sigmoid', name: 'x' }, labels: ['a'] }, 'the model has scores'],
    ['bytes', { input: { range: [0, 1] }, output: { values: 'logits' }, labels: ['a', 'b', 'c'] }, 'takes bytes'],
    ['alpha', { output: { values: 'logits' }, labels: ['a', 'b', 'c'] }, 'RGBA or BGRA'],
    ['half', { input: { mean: [0, 0] }, output: { values: 'logits' }, labels: ['a', 'b', 'c'] }, 'mean has 2 numbers'],
    [
      'flat_grey',
      { input: { channels: 'RGB' }, output: { values: 'sigmoid' }, labels: ['a'] },
      'does not have 3 channels in the layout NCHW',
    ],
  ])('must fit %s: %j', async (name, sidecar, reason) => {
    const onnx = await bare(name);
    await writeFile(onnx.replace('.onnx', '.json'), JSON.stringify({ kind: 'segmentation', ...sidecar }));
    const prepared = prepareTissueModel(onnx, join(dirname(onnx), 'models'));
    await expect(prepared).rejects.toMatchObject({ code: 'SIDECAR_INVALID', message: expect.stringContaining(reason) });
  });
});

describe('reignite model describe', () => {
  it.each([
    ['sigmoid', { output: { values: 'sigmoid', threshold: 0.5 }, labels: [{ name: 'class 1' }] }],
    ['flat_grey', { output: { values: 'sigmoid-logits', threshold: 0.5 } }],
    ['channels_last', { output: { values: 'sigmoid', threshold: 0.5 } }],
    ['half', { output: { values: 'logits' } }],
    ['bytes', { input: { size: [512, 512] }, output: { values: 'probabilities' } }],
    ['alpha', { input: { channels: 'RGBA' } }],
    ['int8', { output: { values: 'logits' } }],
  ])('drafts a file for %s that is then accepted, and does not overwrite it', async (name, expected) => {
    const onnx = await bare(name);
    expect(await describeCommand(onnx, { json: true })).toBe(0);
    const written = await readJsonIfValid(onnx.replace('.onnx', '.json'), Sidecar);
    expect(written).toMatchObject({ kind: 'segmentation', ...expected });
    expect(await prepareTissueModel(onnx, join(dirname(onnx), 'models'))).toMatchObject({ cached: false });
    expect(await describeOnnxModel(onnx)).toMatchObject({ by: 'file' });
  });

  it('says which file already describes a model', async () => {
    expect(await describeOnnxModel(join(MODELS, 'bioimage-0.5/weights.onnx'))).toMatchObject({
      by: 'file',
      source: expect.stringContaining('bioimageio.yaml'),
      sidecar: { labels: [{ name: 'background' }, { name: 'cell' }], output: { values: 'logits' } },
    });
  });

  it('never overwrites a file', async () => {
    const onnx = await bare('half');
    const out = join(dirname(onnx), 'mine.json');
    await writeFile(out, '{}');
    await expect(describeCommand(onnx, { out })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('a description of a model zoo', () => {
  async function beside(name: string, text: string): Promise<string> {
    const onnx = await bare('bioimage-0.4/weights');
    await writeFile(join(dirname(onnx), name), text);
    return onnx;
  }
  const prepare = (onnx: string) => prepareTissueModel(onnx, join(dirname(onnx), 'models'));
  const rdf = async (change: (text: string) => string) =>
    beside('rdf.yaml', change(await readFile(join(MODELS, 'bioimage-0.4/rdf.yaml'), 'utf8')));

  it.each([
    ['mode: fixed', 'mode: per_dataset', 'zero_mean_unit_variance has the mode per_dataset'],
    [
      'axes: bcyx\n    data_type: float32\n    data_range',
      'axes: bczyx\n    data_type: float32\n    data_range',
      '2D models have',
    ],
    ['outputs:', 'outputs:\n  - {axes: bcyx, postprocessing: [{name: binarize}], shape: [1, 2, 8, 8]}', 'binarize'],
    ['inputs:', 'inputs:\n  - {axes: bcyx}', 'it has 2 inputs'],
    [
      'preprocessing:',
      'preprocessing:\n      - {name: clip, kwargs: {max_percentile: 99}}',
      'the setting max_percentile',
    ],
    ['std: [40]', 'std: [0]', 'does not give a positive scale'],
    ['inputs:', 'input:', 'not a description of a model'],
    ['type: model', '\t: [', 'is not YAML'],
  ])('with %j as %j is refused: %s', async (from, to, reason) => {
    const prepared = prepare(await rdf((text) => text.replace(from, to)));
    await expect(prepared).rejects.toMatchObject({ code: 'SIDECAR_INVALID', message: expect.stringContaining(reason) });
  });

  it.each([
    ['["0", "1"]', 'data_range.0: expected a number'],
    ['[0, 1]\n    data: {range: ["0", "1"]}', 'data'],
    ['[0, 1]\n    data: [{range: [0, 1]}, {range: [0, 255]}]', 'have different ranges'],
  ])('with the range %s of its input is refused: %s', async (range, reason) => {
    const without = (text: string) => text.replace(/preprocessing:.*?(?=\noutputs)/s, '');
    const onnx = await rdf((text) => without(text).replace('data_range: [-.inf, .inf]', `data_range: ${range}`));
    await expect(prepare(onnx)).rejects.toMatchObject({
      code: 'SIDECAR_INVALID',
      message: expect.stringContaining(reason),
    });
  });

  it.each(['{min: [1, 16, 16, 3], step: [0]}', '{min: [1], step: [0, 16, 16, 0]}', '[1]'])(
    'with a shape that lacks lengths is refused: %s',
    async (shape) => {
      const onnx = await bare('open');
      const text = `inputs: [{axes: byxc, shape: ${shape}}]
outputs: [{axes: byxc, shape: [1, 16, 16, 3], postprocessing: [{name: softmax}]}]
weights: {onnx: {source: open.onnx}}
`;
      await writeFile(join(dirname(onnx), 'rdf.yaml'), text);
      await expect(prepare(onnx)).rejects.toMatchObject({
        code: 'SIDECAR_INVALID',
        message: expect.stringContaining('no length of the axis y'),
      });
    },
  );

  it.each(['{range: [0, 1]}', '[{range: [0, 1]}, {range: [0, 1]}]'])(
    'has bytes as 0 to 1 with data: %s',
    async (data) => {
      const without = (text: string) => text.replace(/preprocessing:.*?(?=\noutputs)/s, '');
      const onnx = await rdf((text) => without(text).replace('data_range: [-.inf, .inf]', `data: ${data}`));
      expect(await describeOnnxModel(onnx)).toMatchObject({ sidecar: { input: { range: [0, 1] } } });
    },
  );

  it.each([
    ['sigmoid', 'Conv', { values: 'sigmoid-logits', threshold: 0.7 }],
    ['ensure_dtype', 'Sigmoid', { values: 'sigmoid', threshold: 0.7 }],
    ['softmax', 'Conv', undefined],
  ])('has the threshold of one channel, after %s', (step, final, output) => {
    const sidecar = (channels: number, kwargs: object) => {
      const postprocessing = [{ name: step }, { name: 'binarize', kwargs }];
      const description = {
        inputs: [{ axes: 'bcyx' }],
        outputs: [{ axes: 'bcyx', shape: [1, channels, 16, 16], postprocessing }],
        weights: { onnx: { source: 'm.onnx' } },
      };
      return bioimageSidecar('rdf.yaml', description, 'm.onnx', describeModel(join(MODELS, 'half.onnx')), final);
    };
    if (output === undefined) expect(() => sidecar(1, { threshold: 0.7 })).toThrow(/softmax.*is not supported/);
    else expect(sidecar(1, { threshold: 0.7 })?.output).toMatchObject(output);
    expect(() => sidecar(2, { threshold: 0.7 })).toThrow(/binarize is not supported/);
    expect(() => sidecar(1, { threshold: [0.7], axis: 'channel' })).toThrow(/binarize is not supported/);
  });

  it('for other weights is ignored', async () => {
    const prepared = prepare(await rdf((text) => text.replace('source: weights.onnx', 'source: other.onnx')));
    await expect(prepared).rejects.toMatchObject({ message: expect.stringContaining('has no JSON file') });
  });

  const wsinfer = {
    spec_version: '1.0',
    architecture: 'resnet34',
    num_classes: 2,
    class_names: ['other', 'tumor'],
    patch_size_pixels: 64,
    spacing_um_px: 0.25,
    transform: [
      { name: 'Resize', arguments: { size: 32 } },
      { name: 'ToTensor' },
      { name: 'Normalize', arguments: { mean: [0.5], std: [0.25] } },
    ],
  };

  it('from WSInfer is accepted for a segmentation model, and rejected with unknown transforms', async () => {
    const onnx = await beside('config.json', JSON.stringify(wsinfer));
    expect((await prepare(onnx)).labels?.map(({ name }) => name)).toEqual(['background', 'other', 'tumor']);
    const odd = { ...wsinfer, transform: [{ name: 'RandomCrop' }] };
    const refused = prepare(await beside('config.json', JSON.stringify(odd)));
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining('RandomCrop') });
  });

  it.each([
    ['0.25 µm/px', { patch_size_pixels: 32 }],
    ['2.734 µm/px', { patch_size_pixels: 350 }],
    ['1 µm/px', { spacing_um_px: 0.5 }],
  ])('of WSInfer for %s is refused, because images have 0.5 µm/px: %j', async (spacing, changes) => {
    const refused = prepare(await beside('config.json', JSON.stringify({ ...wsinfer, ...changes })));
    await expect(refused).rejects.toMatchObject({
      code: 'SIDECAR_INVALID',
      message: expect.stringContaining(`for ${spacing} `),
      remedy: expect.stringContaining('model describe'),
    });
  });

  it('from WSInfer without Resize uses tiles of its patch size', async () => {
    const [, ...transform] = wsinfer.transform;
    const config = { ...wsinfer, patch_size_pixels: 32, spacing_um_px: 0.5, transform };
    const onnx = await beside('config.json', JSON.stringify(config));
    expect(await describeOnnxModel(onnx)).toMatchObject({ sidecar: { input: { size: [32, 32] } } });
  });

  it('of a model for bytes is accepted without preprocessing, and rejected with it', async () => {
    const described = async (preprocessing: string) => {
      const onnx = await bare('bytes');
      const text = await readFile(join(MODELS, 'bioimage-0.4/rdf.yaml'), 'utf8');
      const bytes = text
        .replace('weights.onnx', 'bytes.onnx')
        .replace('float32', 'uint8')
        .replace('min: [1, 1, 16, 16]', 'min: [1, 3, 32, 32]')
        .replace('shape: [1, 2, 32, 32]', 'shape: [1, 3, 32, 32]')
        .replace('data_range: [-.inf, .inf]', 'data_range: [0, 255]')
        .replace(/preprocessing:.*?(?=\noutputs)/s, preprocessing)
        .replace('step: [0, 0, 16, 16]', 'step: [0, 0, 0, 0]');
      await writeFile(join(dirname(onnx), 'rdf.yaml'), bytes);
      return describeOnnxModel(onnx);
    };
    expect(await described('')).toMatchObject({ by: 'file', sidecar: { input: { size: [32, 32] } } });
    const scaled = described('preprocessing: [{name: scale_linear, kwargs: {gain: 0.1, offset: 0}}]');
    await expect(scaled).rejects.toMatchObject({ code: 'SIDECAR_INVALID', message: expect.stringContaining('uint8') });
    await expect(scaled).rejects.toMatchObject({ message: expect.not.stringContaining('input.range') });
  });
});
