import { join, resolve } from 'node:path';
import { bytesText, counted } from '../../toolkit/format.ts';
import { viewedSlides } from '../../toolkit/predict/viewer/viewed-slides.ts';
import {
  planViewer,
  type ViewerPlan,
  type ViewerProgress,
  writeViewer,
} from '../../toolkit/predict/viewer/write-viewer.ts';
import { nameOpenSlide } from '../../toolkit/slide/read/openslide.ts';
import { EXIT, printResult, printStep } from '../output.ts';

export interface ViewerCommandOptions {
  readonly out?: string;
  readonly slides?: string;
  readonly full?: boolean;
  /** Path of the OpenSlide library. */
  readonly openslide?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const SHARES = 4;

/**
 * `reignite viewer`: writes an offline page that shows predicted slides and their layers with deep zoom, after printing
 * how much it will write. If it is killed, the same command writes the rest.
 */
export async function viewerCommand(
  folders: readonly string[],
  options: ViewerCommandOptions,
  signal: AbortSignal,
): Promise<number> {
  const { out, slides: place, full: isFull = false, dryRun: isDryRun = false, json = false } = options;
  if (options.openslide !== undefined) nameOpenSlide(resolve(options.openslide));
  const paths = folders.map((folder) => resolve(folder));
  const slides = await viewedSlides(paths, place === undefined ? undefined : resolve(place), printStep);
  const target = { out: out === undefined ? join(paths[0] ?? '', 'viewer') : resolve(out), isFull, signal };
  const plans = await planViewer(slides, target);
  for (const plan of plans) printStep(describePlan(plan));
  const written = isDryRun ? undefined : await writeViewer(slides, plans, target, progressLines());
  if (json) printResult(JSON.stringify({ out: target.out, slides: plans, ...written }, null, 1));
  else if (written === undefined) printResult(`Nothing was written to ${target.out} (--dry-run).`);
  else printResult(`${counted(written.made, 'tile')} written; open ${written.page} in a browser.`);
  return EXIT.done;
}

function describePlan({ name, tiles, bytes }: ViewerPlan): string {
  return `${name}: at most ${counted(tiles, 'tile')}, about ${bytesText(bytes)}`;
}

/** Prints a line at every quarter of a layer. */
function progressLines(): (progress: ViewerProgress) => void {
  let last = '';
  return ({ name, layer, tile, of }) => {
    const share = Math.floor((tile * SHARES) / of);
    const line = `${name}: ${layer} ${(100 * share) / SHARES} %`;
    if (share === 0 || line === last) return;
    last = line;
    printStep(line);
  };
}
