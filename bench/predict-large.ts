/**
 * Peak memory and time of `predict` on a large TIFF, without a peer.
 *
 *     tsx bench/predict-large.ts --model PATH --image PIECE.png [--task he] [--size 20000x4000] [--work DIR]
 *
 * The TIFF consists of mirrored copies of PIECE, so that it has no seams. The peak is the kernel's (VmHWM) for the
 * command's process, including the network's thread; Linux only.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';

const ENTRY = fileURLToPath(new URL('../bin/reignite.js', import.meta.url));
const POLL_MS = 200;

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    image: { type: 'string' },
    task: { type: 'string', default: 'he' },
    size: { type: 'string', default: '20000x4000' },
    work: { type: 'string', default: join(tmpdir(), 'reignite-predict-large') },
  },
});
const { model, image: piece, task, size, work } = values;
if (model === undefined || piece === undefined) throw new Error('Give --model and --image.');
const [width = 0, height = 0] = size.split('x').map(Number);
await mkdir(work, { recursive: true });
const tiff = join(work, `${size}.tif`);
if (!existsSync(tiff)) await makeTiff(piece, tiff);
console.log(`${tiff}: ${((await stat(tiff)).size / 1e6).toFixed(0)} MB`);

const words = ['predict', '--task', task, '--model', model, '--out', join(work, 'out'), '--mpp', '0.5', tiff];
const start = performance.now();
const child = spawn(process.execPath, [ENTRY, ...words], {
  stdio: 'inherit',
  env: { ...process.env, REIGNITE_HOME: join(work, 'home') },
});
let peak = 0;
const timer = setInterval(() => {
  peak = Math.max(peak, peakOf(child.pid) ?? 0);
}, POLL_MS);
await once(child, 'exit');
clearInterval(timer);
const seconds = ((performance.now() - start) / 1000).toFixed(1);
console.log(
  `${width} x ${height} px: ${seconds} s, peak ${(peak / 1e6).toFixed(2)} GB (VmHWM), status ${child.exitCode}`,
);

/** kB */
function peakOf(pid: number | undefined): number | undefined {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}

/** Joins two by two mirrored copies of the piece into a tile that repeats without seams. */
async function makeTiff(from: string, out: string): Promise<void> {
  const { data, info } = await sharp(from).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const rows = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    const fromY = mirrored(y, info.height) * info.width;
    for (let x = 0; x < width; x++, at += 3) {
      const source = 3 * (fromY + mirrored(x, info.width));
      rows[at] = data[source] ?? 0;
      rows[at + 1] = data[source + 1] ?? 0;
      rows[at + 2] = data[source + 2] ?? 0;
    }
  }
  await sharp(rows, { raw: { width, height, channels: 3 } })
    .tiff({ compression: 'deflate', tile: true, tileWidth: 512, tileHeight: 512 })
    .toFile(out);
}

function mirrored(at: number, length: number): number {
  const within = at % (2 * length);
  return within < length ? within : 2 * length - 1 - within;
}
