import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageFile } from '../../../config/package-files.ts';
import { perTask, TASK_TITLES, TASKS } from '../../../config/tasks.ts';
import type { RecordKind } from '../../dataset/provenance.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { RESULTS, reportFolder } from '../../results/results-folder.ts';
import { taskNamed } from '../../tasks/task-named.ts';
import type { RoiLayers } from '../layers/layers-file.ts';
import type { JudgedTask } from '../report-data.ts';
import { roiDetails, roiStatusText } from './gallery.ts';
import { type Html, html, jsonScript, NOTHING } from './html.ts';

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

/** The dialog that shows an ROI with its layers, with data from {@link viewerData}. */
export const VIEWER = html`<dialog id="viewer" class="viewer" aria-labelledby="viewer-title">
<div class="viewer-head"><div><h2 id="viewer-title" data-part="title">ROI</h2><p><span class="tag" data-part="said"></span> <span data-part="about"></span></p></div>
<div class="buttons"><button type="button" data-act="previous">Previous <kbd>p</kbd></button><button type="button" data-act="next">Next <kbd>n</kbd></button><button type="button" data-act="close">Close <kbd>Esc</kbd></button></div></div>
<div class="viewer-main"><div class="stage" data-part="stage" tabindex="0" role="group" aria-label="ROI"><div class="sheet" data-part="sheet"></div><div class="scale" data-part="scale"></div></div>
<div class="viewer-side">
<div class="buttons"><button type="button" data-act="closer">Zoom in <kbd>+</kbd></button><button type="button" data-act="farther">Zoom out <kbd>&#8722;</kbd></button><button type="button" data-act="fit">Fit <kbd>0</kbd></button><button type="button" data-act="pixels">1:1</button></div>
<p data-part="spots" class="buttons"><button type="button" data-act="spot">Next difference <kbd>d</kbd></button> <output data-part="spot"></output></p>
<fieldset><legend>Layers</legend><div data-part="layers"></div>
<label data-part="opacity">Opacity of masks <input type="range" min="0" max="100" value="50"></label></fieldset>
<div class="wide" tabindex="0" role="region" aria-label="Classes in this ROI"><table><tbody data-part="legend"></tbody></table></div>
<p class="note" data-part="notes"></p><p class="note">Drag, or use the arrow keys, to move; wheel, pinch, + and &#8722; to zoom. The scale bar assumes 0.5 µm per pixel.</p>
</div></div></dialog>`;

/** Embeds the data of every ROI for the script of the viewer. */
export function viewerData(tasks: readonly JudgedTask[], layers: readonly RoiLayers[], kind: RecordKind): Html {
  const judged = new Map(
    tasks.flatMap((task) => task.rois.map((roi) => [`${task.task}/${roi.roi}`, { roi }] as const)),
  );
  const rois = layers.flatMap((each) => {
    const found = judged.get(`${each.task}/${each.roi}`);
    if (found === undefined) return [];
    const { roi } = found;
    return [{ ...pickShown(each), verdict: roi.verdict, said: roiStatusText(roi, kind), about: roiDetails(roi) }];
  });
  const words = perTask(TASKS, (task) => taskNamed(task).viewer);
  return jsonScript('viewer-data', { words, titles: TASK_TITLES, rois });
}

function pickShown({ task, roi, width, height, files, classes, spots, notes }: RoiLayers): RoiLayers {
  return { task, roi, width, height, files, classes, spots, notes };
}
