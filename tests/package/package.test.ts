import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../config/package-files.ts';
import { digestsBelow } from '../support/files-below.ts';
import { writeTinyRecord } from '../support/tiny-record.ts';

const MODULES = packageFile('node_modules');

const EXAMPLES = ['inspect-checkpoint.ts', 'run-sample.ts', 'score-masks.ts', 'watch-and-pause.ts'];

const PROGRAM = `
import { type ListedTensor, listTensors, openCheckpoint } from 'reignite/checkpoint';
import { connect, type RunOutcome } from 'reignite';

const file = process.argv[2] ?? '';
const tensors: readonly ListedTensor[] = listTensors((await openCheckpoint(file)).root);
const outcome: RunOutcome['status'] = 'done';
console.log(tensors.length, typeof connect, outcome);
`;

const COMMON_JS = `
import('reignite/npy').then(({ decodeNpy, encodeNpy }) => {
  const bytes = encodeNpy({ dtype: 'float32', shape: [2], data: new Float32Array([1, 2]) });
  console.log([...decodeNpy(bytes, 'memory').data].join(' '));
});
`;

/** Installs the tarball as npm would, with this checkout's copies of the dependencies. */
function install(tarball: string, folder: string): void {
  mkdirSync(join(folder, 'node_modules', 'reignite'), { recursive: true });
  execFileSync('tar', ['xzf', tarball, '--strip-components=1', '-C', join(folder, 'node_modules', 'reignite')]);
  for (const name of readdirSync(MODULES)) symlinkSync(join(MODULES, name), join(folder, 'node_modules', name));
}

/** Compiles programs as strict TypeScript with node16 resolution. */
function typeCheck(folder: string, ...programs: string[]) {
  const options = '--strict --module node16 --moduleResolution node16 --target es2023 --types node'.split(' ');
  return spawnSync(process.execPath, [join(MODULES, 'typescript/bin/tsc'), ...options, ...programs], {
    cwd: folder,
    encoding: 'utf8',
  });
}

describe('the npm package', () => {
  let folder = '';
  let tarball = '';
  let compiled: ReturnType<typeof typeCheck>;
  const installed = (...path: string[]) => join(folder, 'node_modules', 'reignite', ...path);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reignite-package-'));
    // As in a clone that was made under a umask of 077.
    chmodSync(packageFile('docs/summary.schema.json'), 0o600);
    const args = ['scripts/pack.js', '--pack-destination', folder];
    const output = execFileSync(process.execPath, args, { cwd: packageFile(''), encoding: 'utf8' });
    tarball = output.trimEnd().split('\n').at(-1) ?? '';
    install(tarball, folder);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'program.ts'), PROGRAM);
    cpSync(packageFile('examples'), folder, { recursive: true });
    compiled = typeCheck(folder, 'program.ts', ...EXAMPLES);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('type-checks and runs in a strict TypeScript program with node16 resolution', () => {
    expect(compiled.stdout).toBe('');
    const checkpoint = packageFile('tests/fixtures/nnunet/single/fold_0/model_best.model');
    const output = execFileSync(process.execPath, ['program.js', checkpoint], { cwd: folder, encoding: 'utf8' });
    expect(output.trimEnd().split('\n').at(-1)).toMatch(/^[1-9]\d* function done$/);
  });

  it('holds files that every user may read, also when those of the checkout were private', () => {
    const lines = execFileSync('tar', ['tvf', tarball], { encoding: 'utf8' }).trimEnd().split('\n');
    expect(new Set(lines.map((line) => line.split(' ')[0]))).toEqual(new Set(['-rw-r--r--', '-rwxr-xr-x']));
  });

  it('is imported from CommonJS by `await import`', () => {
    writeFileSync(join(folder, 'program.cjs'), COMMON_JS);
    expect(execFileSync(process.execPath, ['program.cjs'], { cwd: folder, encoding: 'utf8' })).toBe('1 2\n');
  });

  it('contains its command, with compiled code and the workflow bundle', () => {
    const files = readdirSync(join(folder, 'node_modules', 'reignite'), { recursive: true, encoding: 'utf8' });
    expect(files).toEqual(
      expect.arrayContaining([
        'bin/reignite.js',
        'dist/worker-process.js',
        'dist/workflow-bundle.js',
        'data/sample/images.zip',
      ]),
    );
    const sources = files.filter((name) => name.endsWith('.ts') && !/\.d\.ts$|^examples\//.test(name));
    expect(sources).toEqual(['workflows/reproduce.ts']);
    const args = [join(folder, 'node_modules/reignite/bin/reignite.js'), '--version'];
    expect(execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('contains the sample record of this checkout, which the guides run', async () => {
    const sample = join('data', 'sample');
    const here = await digestsBelow(packageFile('').replace(/\/$/, ''), [sample]);
    expect(Object.keys(here)).toContain(join(sample, 'models.zip'));
    expect(await digestsBelow(installed(), [sample])).toEqual(here);
  });

  describe('runs the examples:', () => {
    const exampleWith = (environment: Record<string, string>, name: string, ...words: string[]) =>
      promisify(execFile)(process.execPath, [`${name}.js`, ...words], {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, ...environment },
      });
    const example = (name: string, ...words: string[]) => exampleWith({}, name, ...words);

    beforeAll(() => {
      const programs = readdirSync(packageFile('examples')).filter((name) => name.endsWith('.ts'));
      expect(programs.sort()).toEqual(EXAMPLES);
      expect(compiled.stdout).toBe('');
    });

    it('as they say', () => {
      const name = 'inspect-checkpoint.ts';
      const [, runner = '', program = ''] =
        /^\/\/ Usage: npx (\w+) (\S+) CHECKPOINT$/m.exec(readFileSync(join(folder, name), 'utf8')) ?? [];
      const checkpoint = packageFile('tests/fixtures/nnunet/single/fold_0/model_best.model');
      const words = [program, checkpoint];
      const output = execFileSync(join(MODULES, '.bin', runner), words, { cwd: folder, encoding: 'utf8' });
      expect(output).toMatch(/^\S+ float32 \d+( x \d+)*$/m);
    });

    it('inspect a checkpoint', async () => {
      const checkpoint = packageFile('tests/fixtures/nnunet/single/fold_0/model_best.model');
      const { stdout } = await example('inspect-checkpoint', checkpoint);
      expect(stdout).toMatch(/^\S+ float32 \d+( x \d+)*$/m);
    });

    it('score a folder of masks', async () => {
      for (const [name, values] of Object.entries({ predictions: [0, 1, 1, 1], truth: [0, 0, 1, 1] })) {
        mkdirSync(join(folder, name));
        const raw = { width: 2, height: 2, channels: 1 } as const;
        await sharp(Buffer.from(values), { raw })
          .toColourspace('b-w')
          .png()
          .toFile(join(folder, name, 'roi.png'));
      }
      const { stdout } = await example('score-masks', 'predictions', 'truth', '3');
      expect(stdout.trimEnd().split('\n')).toEqual([
        'roi.png 0.7500',
        'all labels 0.7500',
        'label 0 0.6667',
        'label 1 0.8000',
        'label 2 in no mask',
      ]);
    });

    it('run the sample; watch, pause and resume it from another process', async () => {
      const at = await mkdtemp(join(folder, 'sample-'));
      // In place of the sample, a record that takes a fraction of the time.
      const { served } = await writeTinyRecord(at, [{ name: 'patient1_he_roi1', width: 64, height: 49 }]);
      await rm(installed('data', 'sample'), { recursive: true });
      await cp(served, installed('data', 'sample'), { recursive: true });
      // Its inference lasts until the other process has paused the run.
      const RELEASED_BY = join(at, 'released');
      const NODE_OPTIONS = `--import=${import.meta.resolve('../support/hold-inference.mjs')}`;
      const home = join(at, 'home');
      const running = exampleWith({ NODE_OPTIONS, RELEASED_BY }, 'run-sample', home, join(at, 'results'));
      const early = running.then(
        () => undefined,
        (error: unknown) => error,
      );
      let steps = '';
      running.child.stderr?.on('data', (text) => {
        steps += text;
      });
      await expect.poll(() => steps, { timeout: 300_000 }).toContain('Started ');
      const watching = example('watch-and-pause', home);
      watching.child.stdout?.on('data', (text) => {
        if (/^paused /m.test(String(text)) && !existsSync(RELEASED_BY)) writeFileSync(RELEASED_BY, '');
      });
      const watched = await watching;
      expect(watched.stdout).toMatch(/^paused /m);
      expect(watched.stdout.trimEnd().split('\n').at(-1)).toBe('done');
      expect(await early).toBeUndefined();
      expect((await running).stdout).toMatch(/: done, Dice on synthetic data 0\.\d{4}\n$/);
    });
  });
});
