import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';

const DETECTOR = fileURLToPath(new URL('../fixtures/yolov5/v5.pt', import.meta.url));

const folder = suiteFolder();
const disk = () => join(folder(), 'disk');
const place = () => ({ home: join(folder(), 'home'), cwd: folder() });
let isMounted = false;

beforeAll(async () => {
  await mkdir(disk());
  isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk()]).status === 0;
  if (!isMounted) return;
  await writeFile(join(disk(), 'other'), Buffer.alloc(1_000 * 1_024));
  const raw = { width: 600, height: 600, channels: 3 } as const;
  await sharp(Buffer.alloc(600 * 600 * 3, 200), { raw })
    .png()
    .toFile(join(folder(), 'one.png'));
});

afterAll(() => {
  if (isMounted) spawnSync('umount', [disk()]);
});

describe('a command on a full disk', () => {
  it.for([
    ['model convert', () => ['model', 'convert', DETECTOR, '--out', join(disk(), 'x.onnx')], place],
    [
      'predict',
      () => ['predict', '--task', 'nuclei', '--model', DETECTOR, '--out', join(disk(), 'out'), 'one.png'],
      place,
    ],
    ['run, for its home', () => ['run', '--profile', 'sample'], () => ({ ...place(), home: join(disk(), 'home') })],
  ] as const)('says NO_SPACE: %s', async ([, words, where], { skip }) => {
    skip(!isMounted, 'mounting a disk of 1 MB takes root');
    const { status, stdout } = await runHere([...words(), '--json'], where());
    expect([status, JSON.parse(stdout).error.code]).toEqual([1, 'NO_SPACE']);
  });
});
