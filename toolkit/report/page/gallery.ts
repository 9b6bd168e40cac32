import { TASK_TITLES, type Task } from '../../../config/tasks.ts';
import type { RecordKind } from '../../dataset/provenance.ts';
import { counted } from '../../format.ts';
import { taskNamed } from '../../tasks/task-named.ts';
import { MAX_VIEWED } from '../layers/layer-writer.ts';
import type { RoiLayers } from '../layers/layers-file.ts';
import type { JudgedTask } from '../report-data.ts';
import { type Html, hrefOf, html, NOTHING } from './html.ts';
import { roiDetails, roiStatusText } from './roi-words.ts';

const BY_DICE = {
  lowest: 'lowest Dice first',
  highest: 'highest Dice first',
  change: 'largest change of Dice first',
} as const;

/**
 * Returns one card per ROI, worst first: its image, overlaid with our prediction and the differences. A card opens the
 * viewer, or the image if scripts are disabled.
 */
export function gallerySection(task: JudgedTask, layers: readonly RoiLayers[], kind: RecordKind): Html {
  const byRoi = new Map(layers.filter((each) => each.task === task.task).map((each) => [each.roi, each]));
  const ordered = [...task.rois].sort((a, b) => (b.difference ?? -1) - (a.difference ?? -1));
  const cards = ordered.slice(0, MAX_VIEWED).map((judged) => cardOf(task, judged, byRoi.get(judged.roi), kind));
  const left = ordered.length - cards.length;
  const more =
    left === 0
      ? NOTHING
      : html`<p class="note">${counted(left, 'ROI that differs less is', 'ROIs that differ less are')} not shown; verdict/${task.task}.json has all.</p>`;
  const id = `gallery-${task.task}`;
  const byDice = taskNamed(task.task).viewer.isScored ? BY_DICE : {};
  const orders = { difference: 'most different first', ...byDice, name: 'by name' };
  const options = Object.entries(orders).map(([value, text]) => html`<option value="${value}">${text}</option>`);
  return html`<div class="bar" data-for="${id}"><label>Order <select>${options}</select></label><label>Show names that contain <input type="search" size="16"></label><output></output></div>
<ul class="gallery" id="${id}" aria-label="ROIs of ${TASK_TITLES[task.task]}">${cards}</ul>${more}`;
}

function cardOf(
  task: JudgedTask,
  judged: JudgedTask['rois'][number],
  layers: RoiLayers | undefined,
  kind: RecordKind,
): Html {
  const { roi, verdict, difference } = judged;
  const [ours, published] = 'ours' in judged ? [judged.ours ?? 1, judged.published ?? 1] : [1, 1];
  const picture = layers === undefined ? NOTHING : pictureOf(task.task, roi, layers.files);
  return html`<li data-roi="${roi}" data-difference="${difference ?? -1}" data-ours="${ours}" data-change="${ours - published}">${picture}<div class="about"><strong>${roi}</strong><br><span class="tag" data-verdict="${verdict}">${roiStatusText(judged, kind)}</span><br>${roiDetails(judged)}</div></li>`;
}

/** Returns the stacked layers of an ROI for a card: image, prediction and differences, linked to the viewer. */
export function pictureOf(
  task: Task,
  roi: string,
  { image, ours, differ }: RoiLayers['files'],
  what = 'image and prediction',
): Html {
  const { isMask } = taskNamed(task).viewer;
  const first = image ?? ours;
  if (first === undefined) return NOTHING;
  const shown = [image, ours, differ].flatMap((file, k) =>
    file === undefined
      ? []
      : [
          html`<img loading="lazy" src="${hrefOf(file)}" alt="${file === first ? `${roi}: ${what}` : ''}" class="${k === 1 && isMask ? 'mask' : ''}">`,
        ],
  );
  return html`<a class="stack" href="${hrefOf(first)}" data-view="${task}/${roi}">${shown}</a>`;
}
