// Reads the slides of folders with a truth.json and compares sizes, pixel size and regions with it; for synthetic
// slides also the detected tissue. Prints a line per file; the exit status is 1 if a file is neither read correctly nor
// rejected.
// Usage: npx tsx scripts/check-slides.ts FOLDER...
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { z } from 'zod';
import { ReigniteError } from '../toolkit/errors.ts';
import { Slide } from '../toolkit/slide/read/slide.ts';
import { MODEL_MPP } from '../toolkit/slide/read/slide-resolution.ts';
import { SlideView } from '../toolkit/slide/read/slide-view.ts';
import { isTissue, slideTissue } from '../toolkit/slide/slide-tissue.ts';

/** Maximum mean difference of a region of lossy tiles; decoders differ by up to this. */
const MAX_MEAN_DIFFERENCE = 2;
const BLOCK_UM = 8;
/** µm/px; files may state larger values, such as 72 dpi, but no slide has them. */
const COARSEST = 20;

const Levels = z.array(z.looseObject({ size: z.tuple([z.number(), z.number()]) }));
const TruthFile = z.looseObject({
  /** Known by construction. */
  expected_levels: Levels.optional(),
  made: z.looseObject({ canvas: z.string(), stated_mpp: z.number().nullable() }).optional(),
  /** As read by OpenSlide. */
  openslide: z.looseObject({ levels: Levels.optional(), mpp: z.array(z.number().nullable()).nullish() }).nullish(),
  regions: z
    .array(
      z.looseObject({
        name: z.string(),
        level: z.number(),
        x: z.number(),
        y: z.number(),
        w: z.number(),
        h: z.number(),
        sha256_tifffile: z.string().nullish(),
        sha256_openslide: z.string().nullish(),
        png: z.string().nullish(),
      }),
    )
    .default([]),
});
type TruthFile = z.infer<typeof TruthFile>;
const Truth = z.looseObject({ files: z.record(z.string(), TruthFile) });

let faults = 0;
for (const folder of process.argv.slice(2)) {
  const truth = Truth.parse(JSON.parse(await readFile(join(folder, 'truth.json'), 'utf8')));
  for (const [name, file] of Object.entries(truth.files)) {
    const said = await checked(folder, name, file);
    const isFault = said.startsWith('WRONG');
    if (isFault) faults++;
    console.log(`${name.padEnd(32)} ${said}`);
  }
}
process.exitCode = faults === 0 ? 0 : 1;

async function checked(folder: string, name: string, file: TruthFile): Promise<string> {
  try {
    const slide = await Slide.open(join(folder, name));
    try {
      const wrong = [...wrongSizes(slide, file), ...(await wrongRegions(slide, folder, file))];
      const { resolution } = slide.scale;
      const scale = resolution === undefined ? 'no scale' : `${resolution.mpp} µm/px from ${resolution.source}`;
      const tissue = await tissueScore(slide, folder, file);
      const sizes = slide.levels.map(({ width, height }) => `${width}x${height}`).join(' ');
      return `${wrong.length === 0 ? 'right' : `WRONG (${wrong.join('; ')})`}: ${sizes}, ${scale}${tissue}`;
    } finally {
      await slide.close();
    }
  } catch (error) {
    if (!(error instanceof ReigniteError) || error.code === 'INTERNAL') throw error;
    return `refused (${error.code}): ${error.message}`;
  }
}

function wrongSizes(slide: Slide, { expected_levels, openslide, made }: TruthFile): string[] {
  const expected = (expected_levels ?? openslide?.levels)?.map(({ size: [width, height] }) => `${width}x${height}`);
  const sizes = slide.levels.map(({ width, height }) => `${width}x${height}`).join(' ');
  const stated = made === undefined ? openslide?.mpp?.[0] : made.stated_mpp;
  const wanted = typeof stated === 'number' && stated <= COARSEST ? stated : undefined;
  const mpp = slide.scale.resolution?.mpp;
  const isSame = mpp === wanted || Math.abs((mpp ?? Number.NaN) / (wanted ?? Number.NaN) - 1) < 1e-3;
  return [
    ...(expected === undefined || expected.join(' ') === sizes ? [] : [`levels ${sizes}, not ${expected.join(' ')}`]),
    ...(isSame || (made === undefined && openslide?.levels === undefined)
      ? []
      : [`${mpp ?? 'no'} µm/px, not ${wanted ?? 'none'}`]),
  ];
}

async function wrongRegions(slide: Slide, folder: string, { regions }: TruthFile): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, level, x, y, w, h, png, ...digests } of regions) {
    if (level >= slide.levels.length) continue;
    const read = await slide.readRegion(level, x, y, w, h);
    const digest = createHash('sha256').update(read).digest('hex');
    if (digest === digests.sha256_tifffile || digest === digests.sha256_openslide) continue;
    if (png === undefined || png === null || !existsSync(join(folder, png))) continue;
    const { data, info } = await sharp(join(folder, png)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const stored = info.channels === 3 ? data : Buffer.from([...data].flatMap((value) => [value, value, value]));
    const mean = read.reduce((sum, value, at) => sum + Math.abs(value - (stored[at] ?? 0)), 0) / read.length;
    if (mean >= MAX_MEAN_DIFFERENCE) wrong.push(`${name} differs by ${mean.toFixed(2)}`);
  }
  return wrong;
}

/** Returns the share of tissue that is detected, and of glass that is detected as tissue, compared with the canvas mask. */
async function tissueScore(slide: Slide, folder: string, file: TruthFile): Promise<string> {
  const canvas = file.made?.canvas ?? '';
  const mask = join(folder, `${canvas}.tissue-8um.png`);
  if (canvas === '' || !existsSync(mask)) return '';
  const mpp = slide.scale.resolution?.mpp ?? 0.25;
  const view = SlideView.choose(slide, { mpp }, MODEL_MPP);
  const { mask: found } = await slideTissue(view, false);
  const { data: truth, info } = await sharp(mask).extractChannel(0).raw().toBuffer({ resolveWithObject: true });
  const outline = await sharp(join(folder, `${canvas}.outline-8um.png`))
    .extractChannel(0)
    .raw()
    .toBuffer();
  const counts = { tissue: 0, found: 0, glass: 0, called: 0 };
  for (const [at, value] of truth.entries()) {
    const [x, y] = [at % info.width, Math.floor(at / info.width)].map(
      (block) => ((block + 0.5) * BLOCK_UM) / MODEL_MPP,
    );
    const isFound = isTissue(found, x ?? 0, y ?? 0);
    if (value > 0) {
      counts.tissue++;
      if (isFound) counts.found++;
    } else if (outline[at] === 0) {
      counts.glass++;
      if (isFound) counts.called++;
    }
  }
  return `; tissue found ${(counts.found / counts.tissue).toFixed(4)}, glass called tissue ${(counts.called / counts.glass).toFixed(4)}`;
}
