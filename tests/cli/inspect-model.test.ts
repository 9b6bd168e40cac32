import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { describeInspected, inspectModel } from '../../cli/predict/inspect-model.ts';
import { convertCommand, inspectCommand } from '../../cli/predict/model.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

/** A model of two folds, grey. */
const V2 = 'nnunet-v2/models/C_old_plans_grey/nnUNetTrainer__nnUNetPlans__2d';

async function inspected(name: string, content: string | Uint8Array) {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  const found = await inspectModel(path);
  return { found, text: describeInspected(found) };
}

describe('inspectModel', () => {
  it('names what Python runs before a pickle breaks off', async () => {
    const { found, text } = await inspected('broken.pkl', 'cposix\nsystem\n(S"touch harm"\ntR\xff');
    expect(found).toMatchObject({ safe: false, fault: { code: 'CHECKPOINT_CORRUPT' } });
    expect(found.globals).toEqual([{ module: 'posix', name: 'system', verdict: 'dangerous', position: 0 }]);
    expect(text).toContain('DANGEROUS');
    expect(text).toContain('dangerous posix.system (byte 0)');
  });

  it('shows a checkpoint as a tree with shapes', async () => {
    const text = describeInspected(await inspectModel(fixture('nnunet/plain/fold_0/model_best.model')));
    expect(text).toMatch(/^ {4}conv_blocks_context\.0\.blocks\.0\.conv\.weight: tensor float32 \[4, 3, 3, 3\]$/m);
  });

  it.each([
    ['nnunet/plain/fold_0/model_best.model', 'weights of an nnU-Net v1 model'],
    [
      `${V2}/fold_0/checkpoint_final.pth`,
      'weights of an nnU-Net v2 model: a dict, trainer nnUNetTrainer, configuration 2d',
    ],
  ])('names the family of %s', async (path, holds) => {
    expect(describeInspected(await inspectModel(fixture(path)))).toContain(`PyTorch zip, ${holds}`);
  });

  it('recognises the plans of nnU-Net v1, which have no weights, and says where the weights are', async () => {
    const plans = fixture('nnunet/plain/fold_0/model_best.model.pkl');
    const text = describeInspected(await inspectModel(plans));
    expect(text).toContain('model_best.model.pkl: pickle, plans of nnU-Net v1, without weights; nothing in it can run');
    expect(text).toContain('fold_0/model_best.model');
    await expect(convertCommand(plans, {})).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringContaining('plans of nnU-Net v1, without weights'),
      remedy: expect.stringContaining('fold_0/model_best.model'),
    });
  });

  it('names the fold files of an nnU-Net v2 folder', async () => {
    await expect(inspectModel(fixture(V2))).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('an nnU-Net v2 model with fold_0, fold_1'),
      remedy: expect.stringContaining('fold_0/checkpoint_final.pth'),
    });
  });

  it('says what a file is if it is not a checkpoint', async () => {
    expect((await inspectModel(fixture('yolov5/image.png'))).holds).toBe('a PNG image');
    expect((await inspected('empty.pt', '')).found.holds).toBe('an empty file');
    const weights = Buffer.concat([Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0), Buffer.from('{}')]);
    expect((await inspected('weights.safetensors', weights)).text).toContain('a safetensors file; not a checkpoint');
  });

  it.each([
    ['notes.pt', 'hello world, this is text', 'a text file'],
    ['credits.pt', 'contributors of the model\nin the order\n', 'a text file'],
    ['pointer.pt', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n', 'a Git LFS pointer'],
    ['page.pt', '<!DOCTYPE html><html></html>', 'an HTML page'],
    ['list.pt', '[1, 2]', 'JSON'],
  ])('says of %s what it is, and nothing of Python', async (name, content, kind) => {
    const { found, text } = await inspected(name, content);
    expect(found).toMatchObject({ format: 'other', holds: expect.stringContaining(kind) });
    expect(text).not.toContain('Python');
  });

  it('fails with --strict for a dangerous file or one that is not a model', async () => {
    const path = join(await temporaryFolder(), 'file.pt');
    const status = (strict: boolean) => inspectCommand(path, { json: true, strict });
    await writeFile(path, 'cposix\nsystem\n(S"touch harm"\ntR.');
    expect([await status(false), await status(true)]).toEqual([0, 1]);
    await writeFile(path, 'text');
    expect([await status(false), await status(true)]).toEqual([0, 1]);
    expect(await inspectCommand(fixture('nnunet/plain/fold_0/model_best.model'), { json: true, strict: true })).toBe(0);
  });

  it('prints no terminal escapes from names in a file', async () => {
    const { text } = await inspected('odd.pkl', 'c\u001b[2Jmod\nname\n.');
    expect(text).not.toContain('\u001b');
    expect(text).toContain('\\u{1b}[2Jmod.name');
  });

  it('suggests a command that is quoted for the shell', async () => {
    const folder = join(await temporaryFolder(), 'sp ace');
    await mkdir(folder);
    const path = join(folder, "w'q.pt");
    await copyFile(fixture('ultralytics/v8.pt'), path);
    const next = (await inspectModel(path)).next ?? '';
    const command = next.split('`')[1] ?? '';
    const words = execFileSync('sh', ['-c', `set -- ${command}; printf '%s\\n' "$@"`], { encoding: 'utf8' });
    const expected = [
      'npx',
      'reignite',
      'predict',
      '--task',
      'nuclei',
      '--model',
      path,
      '--out',
      'predicted',
      'image.png',
    ];
    expect(words.trimEnd().split('\n')).toEqual(expected);
  });

  it('keeps the name of a tensor on one line', async () => {
    const name = 'weight\nDANGEROUS\tline\u001b';
    const header = Buffer.from(JSON.stringify({ [name]: { dtype: 'U8', shape: [1], data_offsets: [0, 1] } }));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const { text } = await inspected('odd.safetensors', Buffer.concat([length, header, Uint8Array.of(1)]));
    expect(text).toMatch(/^ {2}weight\\u\{a\}DANGEROUS\\u\{9\}line\\u\{1b\}: tensor/m);
  });

  it('shows a value that contains itself only once', async () => {
    const { found } = await inspected('loop.pkl', ']q\x00h\x00a.');
    expect(found.tree).toMatchObject({ what: 'list of 1', children: [{ what: 'list of 1, as above', children: [] }] });
  });
});
