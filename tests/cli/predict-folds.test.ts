import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { decodeLabels } from '../../toolkit/image/decode-labels.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { noise } from '../support/random-numbers.ts';
import { serveHome } from '../support/serve-home.ts';
import { writeTinyRecord } from '../support/tiny-record.ts';

const PLAIN = fileURLToPath(new URL('../fixtures/nnunet/plain', import.meta.url));
const folder = suiteFolder();
const place = () => ({ home: join(folder(), 'home'), cwd: folder() });

beforeAll(async () => {
  const raw = { width: 75, height: 48, channels: 3 } as const;
  await sharp(noise(75 * 48 * 3, 5), { raw }).toFile(join(folder(), 'one.png'));
});

/** A model of these folds, by the names of their folders; their weights alternate. */
async function writeModel(name: string, folds: readonly string[]): Promise<string> {
  for (const [index, fold] of folds.entries()) {
    await cp(join(PLAIN, `fold_${index % 2}`), join(folder(), name, fold), { recursive: true });
  }
  return join(folder(), name);
}

const FIVE = ['fold_0', 'fold_1', 'fold_2', 'fold_3', 'fold_4'];

/** A folder holds predictions of the same folds only, so that each choice has its own. */
const outOf = (model: string, words: readonly string[]) => [model, 'out', ...words].join('-');

async function predict(model: string, ...words: string[]) {
  const out = outOf(model, words);
  const all = ['predict', '--task', 'he', '--model', model, '--out', out, '--provider', 'cpu', '--json'];
  const { status, stdout, stderr } = await runHere([...all, ...words, 'one.png'], place());
  return { status, stderr, said: JSON.parse(stdout) };
}

const maskOf = async (model: string, ...words: string[]) =>
  (await decodeLabels(join(outOf(model, words), 'masks', 'one.png'))).data;

describe('reignite predict --task he with an incomplete model', () => {
  it.each([
    [
      'no weights',
      (model: string) => rm(join(model, 'fold_2', 'model_best.model')),
      join('fold_2', 'model_best.model'),
    ],
    ['no plans', (model: string) => rm(join(model, 'fold_2', 'model_best.model.pkl')), 'model_best.model.pkl'],
    [
      'an empty folder',
      async (model: string) => {
        await rm(join(model, 'fold_2'), { recursive: true });
        await mkdir(join(model, 'fold_2'));
      },
      join('fold_2', 'model_best.model'),
    ],
    ['no folder at all', (model: string) => rm(join(model, 'fold_2'), { recursive: true }), 'fold 2 is missing'],
  ])('refuses it when the fold 2 has %s, naming it, and takes the others when asked', async (what, spoil, named) => {
    const model = await writeModel(`model ${what}`, FIVE);
    await spoil(model);
    const { status, said } = await predict(model);
    expect([status, said.error.code]).toEqual([1, 'FOLD_MISSING']);
    expect(said.error.cause).toContain(named);
    expect(said.error.cause).toContain('folds 0, 1, 3 and 4');
    expect(said.error.remedy).toContain('--folds 0,1,3,4');

    const asked = await predict(model, '--folds', '0,1,3,4');
    expect(asked.status, asked.stderr).toBe(0);
    expect(asked.said.model.folds).toEqual([0, 1, 3, 4]);
    expect(asked.stderr).toContain('folds 0, 1, 3 and 4');
  });

  it('averages the requested folds, and says which', async () => {
    const model = await writeModel('whole', FIVE);
    expect((await predict(model)).said.model.folds).toEqual([0, 1, 2, 3, 4]);
    const five = await maskOf(model);
    const one = await predict(model, '--folds', '1');
    expect(one.said.model.folds).toEqual([1]);
    expect(await maskOf(model, '--folds', '1')).not.toEqual(five);
    const named = await predict(join(model, 'fold_1'));
    expect(named.said.model).toMatchObject({ digest: one.said.model.digest, folds: [1] });
  });

  it('rejects a gap at the beginning', async () => {
    const { status, said } = await predict(await writeModel('late', ['fold_3']));
    expect([status, said.error.code, said.error.remedy]).toEqual([
      1,
      'FOLD_MISSING',
      expect.stringContaining('--folds 3'),
    ]);
    expect(said.error.cause).toContain('has fold 3; folds 0, 1 and 2 are missing');
  });

  it.each(['all', 'fold_all'])('accepts a model whose only fold is %s', async (name) => {
    const { status, said, stderr } = await predict(await writeModel(`only ${name}`, [name]));
    expect(status, stderr).toBe(0);
    expect(said.model.folds).toEqual(['all']);
  });

  it('uses the numbered folds of a model that has both kinds, as nnU-Net does, unless `all` is requested', async () => {
    const model = await writeModel('both', ['fold_0', 'all']);
    expect((await predict(model)).said.model.folds).toEqual([0]);
    expect((await predict(model, '--folds', 'all')).said.model.folds).toEqual(['all']);
  });

  it.each(['', 'x', '0,,1', '-1', '1.5'])('refuses --folds %j', async (folds) => {
    const { status, said } = await predict(PLAIN, '--folds', folds);
    expect([status, said.error.code]).toEqual([2, 'USAGE']);
  });

  it('names a requested fold that does not exist', async () => {
    const { status, said } = await predict(await writeModel('two', ['fold_0', 'fold_1']), '--folds', '0,7');
    expect([status, said.error.code]).toEqual([1, 'FOLD_MISSING']);
    expect(said.error.cause).toContain('fold_7');
  });
});

describe('reignite run --set he.folds', () => {
  const run = (...words: string[]) =>
    runHere(
      [
        'run',
        '--set',
        'zenodo.serveFrom=served',
        '--set',
        'name=folds',
        '--set',
        'record=42',
        '--tasks',
        'he',
        '--json',
      ].concat(['--data', 'data', '--results', 'results', '--set', 'inference.provider=cpu'], words),
      place(),
    );

  it('runs these folds of a custom model, and says so in the model summary and the methods', async () => {
    await writeTinyRecord(folder());
    const model = await writeModel('own', ['fold_0', 'fold_1', 'fold_2']);
    await rm(join(model, 'fold_1', 'model_best.model'));
    onTestFinished(await serveHome(place()));
    const { status, stderr } = await run('--set', `he.model=${model}`, '--set', 'he.folds=0,2');
    expect(status, stderr).toBe(0);
    const summary = JSON.parse(await readFile(join(folder(), 'results/models/he.json'), 'utf8'));
    expect(summary.folds).toEqual([0, 2]);
    expect(summary.networks).toHaveLength(2);
    const report = await readFile(join(folder(), 'results/report/index.html'), 'utf8');
    expect(report).toContain('ensemble (folds 0 and 2)');
  });

  it("rejects leaving out folds of the record's model", async () => {
    const { status, stdout } = await run('--set', 'he.folds=0,2');
    expect([status, JSON.parse(stdout).error.code]).toEqual([2, 'CONFIG_INVALID']);
  });
});
