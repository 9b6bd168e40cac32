import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../config/package-files.ts';

const MODULES = packageFile('node_modules');

const PROGRAM = `
import { type ListedTensor, listTensors, openCheckpoint } from 'reignite/checkpoint';
import { main } from 'reignite';

const file = process.argv[2] ?? '';
const tensors: readonly ListedTensor[] = listTensors((await openCheckpoint(file)).root);
const status: number = await main(['--version']);
console.log(tensors.length, status);
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

describe('the npm package', () => {
  let folder = '';
  let tarball = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reignite-package-'));
    // As in a clone that was made under a umask of 077.
    chmodSync(packageFile('docs/summary.schema.json'), 0o600);
    const args = ['scripts/pack.js', '--pack-destination', folder];
    const output = execFileSync(process.execPath, args, { cwd: packageFile(''), encoding: 'utf8' });
    tarball = output.trimEnd().split('\n').at(-1) ?? '';
    install(tarball, folder);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  }, 300_000);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('type-checks and runs in a strict TypeScript program with node16 resolution', () => {
    writeFileSync(join(folder, 'program.ts'), PROGRAM);
    const options = [
      '--strict',
      '--module',
      'node16',
      '--moduleResolution',
      'node16',
      '--target',
      'es2023',
      '--types',
      'node',
    ];
    const tsc = spawnSync(process.execPath, [join(MODULES, 'typescript/bin/tsc'), ...options, 'program.ts'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(tsc.stdout).toBe('');
    const checkpoint = packageFile('tests/fixtures/nnunet/single/fold_0/model_best.model');
    const output = execFileSync(process.execPath, ['program.js', checkpoint], { cwd: folder, encoding: 'utf8' });
    expect(output.trimEnd().split('\n').at(-1)).toMatch(/^[1-9]\d* 0$/);
  }, 120_000);

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
        'dist/worker.js',
        'dist/workflow-bundle.js',
        'data/sample/images.zip',
      ]),
    );
    expect(files.filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))).toEqual(['workflows/reproduce.ts']);
    const args = [join(folder, 'node_modules/reignite/bin/reignite.js'), '--version'];
    expect(execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
