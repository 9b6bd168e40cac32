/**
 * Measures peak memory and time of `predict` on a synthetic slide, and checks that kills do not change a bit of the
 * result. The peer is bench/python/predict_slide_peer.py.
 *
 *     tsx bench/predict-slide.ts --model PATH --image PIECE.tif [--task he] [--size 40000x30000] [--pieces 3x3]
 *       [--folds 0] [--kills 5] [--work DIR]
 *
 * The slide is a tiled JPEG pyramid of two levels (0.25 and 1 µm/px). In its middle, PIECE, whose sides must be multiples
 * of 1,024 px, is repeated `--pieces` times across and down; the tiles around are absent. The peak is the kernel's (VmHWM)
 * for the command's process, including the network's thread; Linux only.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { digestsBelow } from '../tests/support/files-below.ts';
import { type MadePage, writeSlide } from '../tests/support/write-tiff.ts';

const ENTRY = fileURLToPath(new URL('../bin/reignite.js', import.meta.url));
const POLL_MS = 200;
const TILE = 256;
const FOLDERS = { he: ['masks', 'confidence', 'overlays', 'polygons'], cells: ['points', 'density', 'overlays'] };

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    image: { type: 'string' },
    task: { type: 'string', default: 'he' },
    size: { type: 'string', default: '40000x30000' },
    kills: { type: 'string', default: '5' },
    pieces: { type: 'string', default: '3x3' },
    folds: { type: 'string' },
    work: { type: 'string', default: join(tmpdir(), 'reignite-predict-slide') },
  },
});
const { model, image, task, size, work } = values;
if (model === undefined || image === undefined) throw new Error('Give --model and --image.');
const [width = 0, height = 0] = size.split('x').map(Number);
const [piecesAcross = 0, piecesDown = 0] = values.pieces.split('x').map(Number);
const chosen = values.folds === undefined ? [] : ['--folds', values.folds];
await mkdir(work, { recursive: true });
const slide = join(work, `slide-${size}-${values.pieces}.tif`);
if (!existsSync(slide)) await writeSlide(slide, [await page(image, 1), await page(image, 4)]);

for (const name of ['whole', 'killed']) await rm(join(work, name), { recursive: true, force: true });
for (const name of ['home-whole', 'home-killed']) await rm(join(work, name), { recursive: true, force: true });
const whole = await predict('whole');
console.log(
  `${width} x ${height} px: ${whole.seconds.toFixed(1)} s, peak ${whole.peak.toFixed(2)} GB, status ${whole.status}`,
);
for (let kill = 1; kill <= Number(values.kills); kill++) {
  const { status } = await predict('killed', (whole.seconds * 1000) / (Number(values.kills) + 1));
  console.log(`killed ${kill}: status ${status}`);
}
const resumed = await predict('killed');
console.log(`resumed: ${resumed.seconds.toFixed(1)} s, peak ${resumed.peak.toFixed(2)} GB, status ${resumed.status}`);
const folders = task === 'he' ? FOLDERS.he : FOLDERS.cells;
const [one, other] = [
  await digestsBelow(join(work, 'whole'), folders),
  await digestsBelow(join(work, 'killed'), folders),
];
const isSame = Object.keys(one).length > 0 && JSON.stringify(one) === JSON.stringify(other);
console.log(`same bits after kills: ${isSame}`);
if (!isSame) process.exitCode = 1;

/** Runs the command; kills it after `killAfter` ms, if given. */
async function predict(name: string, killAfter?: number) {
  const words = [
    'predict',
    '--task',
    task,
    '--model',
    model ?? '',
    '--out',
    join(work, name),
    ...chosen,
    '--provider',
    'cpu',
    slide,
  ];
  const start = performance.now();
  const child = spawn(process.execPath, [ENTRY, ...words], {
    stdio: 'inherit',
    env: { ...process.env, REIGNITE_HOME: join(work, `home-${name}`) },
  });
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid) ?? 0);
  }, POLL_MS);
  const ended = once(child, 'exit');
  if (killAfter !== undefined) {
    await Promise.race([sleep(killAfter), ended]);
    child.kill('SIGKILL');
  }
  await ended;
  clearInterval(timer);
  return { seconds: (performance.now() - start) / 1000, peak: peak / 1e6, status: child.exitCode };
}

/** kB */
function peakOf(pid: number | undefined): number | undefined {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return undefined;
  }
}

/** Makes one level by repeating the tiles of the piece. */
async function page(piece: string, reduced: number): Promise<MadePage> {
  const { width: from = 0, height: down = 0 } = await sharp(piece).metadata();
  const [across, rows] = [from / reduced / TILE, down / reduced / TILE];
  if (!Number.isInteger(across) || !Number.isInteger(rows))
    throw new Error('The sides of --image must be multiples of 1,024 px.');
  const pixels = await sharp(piece)
    .resize({ width: from / reduced, height: down / reduced })
    .removeAlpha()
    .raw()
    .toBuffer();
  const raw = { width: from / reduced, height: down / reduced, channels: 3 } as const;
  const jpegs: Buffer[] = [];
  for (let tile = 0; tile < across * rows; tile++) {
    const place = { left: (tile % across) * TILE, top: Math.floor(tile / across) * TILE, width: TILE, height: TILE };
    jpegs.push(await sharp(pixels, { raw }).extract(place).jpeg({ quality: 85 }).toBuffer());
  }
  const [columns, lines] = [Math.ceil(width / reduced / TILE), Math.ceil(height / reduced / TILE)];
  const first = {
    column: Math.floor((columns - across * piecesAcross) / 2),
    line: Math.floor((lines - rows * piecesDown) / 2),
  };
  const tiles = Array.from({ length: columns * lines }, (_, at) => {
    const [column, line] = [(at % columns) - first.column, Math.floor(at / columns) - first.line];
    const isInside = column >= 0 && line >= 0 && column < across * piecesAcross && line < rows * piecesDown;
    return isInside ? jpegs[(line % rows) * across + (column % across)] : undefined;
  });
  const perCm: [number, number] = [40_000 / reduced, 1];
  const tags = { 259: [7], 262: [6], 282: { fraction: perCm }, 283: { fraction: perCm }, 296: [3] };
  return { width: Math.floor(width / reduced), height: Math.floor(height / reduced), tile: TILE, tiles, tags };
}
