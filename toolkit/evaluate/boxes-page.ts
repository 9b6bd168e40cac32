import { join } from 'node:path';
import { decimal, html, table } from '../report/page/html.ts';
import { type StandalonePage, writeStandalonePage } from '../report/page/standalone-page.ts';
import { reportFolder } from '../results/results-folder.ts';
import type { EvaluatedBoxes } from './evaluate-boxes.ts';

/** Returns the path of the page of scored boxes. */
export function boxesPage(out: string): string {
  return join(reportFolder(out), 'boxes.html');
}

/**
 * Writes report/boxes.html of scored boxes.
 *
 * @param names - Names of predictions and annotations for display.
 * @param version - Version of this package.
 */
export async function writeBoxesPage(
  out: string,
  { metrics, images, remarks }: EvaluatedBoxes,
  names: { readonly predictions: string; readonly truth: string },
  version: string,
): Promise<void> {
  const { map50, map5095, classes, limit } = metrics;
  const head = ['', 'AP50', 'AP50-95', 'annotated', 'predicted'];
  const rows = classes.map((of) => [of.name, number(of.ap50), number(of.ap5095), of.objects, of.predicted]);
  const page: StandalonePage = {
    title: `Boxes: ${names.predictions}`,
    question: 'How do these boxes score?',
    answer: `mAP50 ${number(map50)}, mAP50-95 ${number(map5095)}`,
    tone: 'not comparable',
    lead: html`<strong>${names.predictions}</strong> against the boxes of ${names.truth}, ${images} images; at most ${limit} boxes per class and image are counted, as in COCO.`,
    links: [],
    isSynthetic: false,
    main: html`<section><h2>Average precision of each class</h2>${table('Average precision as COCO defines it: at an overlap (IoU) of 0.5, and averaged over 0.5 to 0.95', head, rows)}
<ul>${remarks.map((remark) => html`<li>${remark}</li>`)}</ul></section>`,
    footer: `Written by reignite ${version}. All numbers: metrics/boxes.json.`,
    viewed: { words: {}, rois: [] },
  };
  await writeStandalonePage(out, page, boxesPage(out));
}

function number(value: number | null): string {
  return value === null ? 'absent' : decimal(value);
}
