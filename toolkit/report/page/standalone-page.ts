import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageFile } from '../../../config/package-files.ts';
import { TASK_TITLES } from '../../../config/tasks.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { RESULTS, reportFolder } from '../../results/results-folder.ts';
import type { RoiLayers } from '../layers/layers-file.ts';
import { type Html, html, jsonScript, NOTHING } from './html.ts';
import { VIEWER } from './viewer.ts';

const STATIC = ['report.css', 'report.js'] as const;

/** Writes the style sheet and the script of a page to report/assets. */
export async function writePageAssets(folder: string): Promise<void> {
  for (const name of STATIC) {
    const content = await readFile(packageFile(`toolkit/report/page/static/${name}`));
    await writeFileAtomic(join(reportFolder(folder), 'assets', name), content);
  }
}

/** An ROI or an image in the viewer. */
export interface ViewedRoi extends RoiLayers {
  /** Determines the colour of `said`. */
  readonly verdict: string;
  readonly said: string;
  readonly about: string;
}

/** A page like the report, but for a comparison, an evaluation or a prediction instead of a run. */
export interface StandalonePage {
  readonly title: string;
  readonly question: string;
  readonly answer: string;
  /** A verdict of the report, which determines the colour of the answer. */
  readonly tone: string;
  readonly lead: Html;
  /** Sections that are linked at the top of the page: ID and name. */
  readonly links: readonly (readonly [id: string, name: string])[];
  /** Whether the images are marked as synthetic. */
  readonly isSynthetic: boolean;
  readonly main: Html;
  readonly footer: string;
  /** ROIs in the viewer, and its texts for each task. */
  readonly viewed: { readonly words: object; readonly rois: readonly ViewedRoi[] };
}

/**
 * Writes a page that opens from disk and needs no network.
 *
 * @param path - Absolute path in report/ of the folder.
 */
export async function writeStandalonePage(
  folder: string,
  page: StandalonePage,
  path = RESULTS.page.in(folder),
): Promise<void> {
  await writePageAssets(folder);
  await writeFileAtomic(path, String(pageOf(page)));
}

function pageOf({
  title,
  question,
  answer,
  tone,
  lead,
  links,
  isSynthetic,
  main,
  footer,
  viewed,
}: StandalonePage): Html {
  const nav = html`<nav aria-label="Sections"><ul>${links.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="assets/report.css"></head><body>
<a class="skip" href="#main">To the results</a>
<header>${isSynthetic ? SYNTHETIC : NOTHING}<h1>${question}</h1>
<p class="answer" data-verdict="${tone}">${answer}</p>
<p class="lead">${lead}</p>
${links.length === 0 ? NOTHING : nav}</header>
<main id="main">
${main}
</main><footer>For research only, not for diagnosis. ${footer}</footer>
${VIEWER}
${jsonScript('viewer-data', { titles: TASK_TITLES, ...viewed })}
<script src="assets/report.js"></script></body></html>
`;
}

const SYNTHETIC = html`<p class="banner" role="note"><strong>Synthetic data.</strong> The record marks its images as synthetic: these numbers say nothing about tissue or patients.</p>
`;
