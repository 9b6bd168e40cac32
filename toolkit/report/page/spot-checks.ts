import { taskNamed } from '../../tasks/task-named.ts';
import type { LayerName, RoiLayers, Spot } from '../layers/layers-file.ts';
import { type Html, hrefOf, html, NOTHING } from './html.ts';

/** Side of what is shown around a place, in px of the ROI. */
const SIDE = 192;
/** Places shown of a task, and of one of its ROIs. */
const MOST_PLACES = 6;
const MOST_OF_ROI = 2;

/** What the two predictions are called. */
export interface SideNames {
  readonly published: string;
  readonly ours: string;
}

interface Place {
  readonly layers: RoiLayers;
  readonly spot: Spot;
}

/**
 * The places that differ most, cut out of the layers of the viewer: the image, and the two predictions over it. Opens
 * the ROI in the viewer.
 *
 * @param layers - Of the ROIs of one task.
 * @returns Nothing where nothing differs.
 */
export function spotChecks(layers: readonly RoiLayers[], names: SideNames): Html {
  const places = layers
    .filter(({ files }) => files.image !== undefined)
    .flatMap((each) => each.spots.slice(0, MOST_OF_ROI).map((spot): Place => ({ layers: each, spot })))
    .sort((a, b) => b.spot.count - a.spot.count)
    .slice(0, MOST_PLACES);
  if (places.length === 0) return NOTHING;
  return html`<h3>Spot checks: the places that differ most</h3><ul class="spots">${places.map((place) => placeOf(place, names))}</ul>`;
}

function placeOf({ layers, spot }: Place, names: SideNames): Html {
  const { task, roi, files } = layers;
  const { viewer } = taskNamed(task);
  const [one, several] = viewer.differing;
  const where = `${roi}, around x ${Math.round(spot.x)}, y ${Math.round(spot.y)}`;
  const crops = [
    cropOf({ layers, spot }, [], 'image'),
    cropOf({ layers, spot }, ['published'], names.published),
    cropOf({ layers, spot }, ['ours'], names.ours),
  ];
  return html`<li><a href="${hrefOf(files.image ?? '')}" data-view="${task}/${roi}">${crops}</a><p><strong>${where}</strong>: ${spot.count} ${spot.count === 1 ? one : several}</p></li>`;
}

function cropOf({ layers, spot }: Place, over: readonly LayerName[], name: string): Html {
  const { roi, files, task } = layers;
  const { isMask } = taskNamed(task).viewer;
  const shown = (['image', ...over] as const).flatMap((layer, k) => {
    const file = files[layer];
    if (file === undefined) return [];
    const alt = k === 0 ? `${roi}: ${name}` : '';
    return [
      html`<img loading="lazy" class="${k > 0 && isMask ? 'mask' : ''}" src="${hrefOf(file)}" alt="${alt}" style="${cutOf(layers, spot)}">`,
    ];
  });
  return html`<span class="crop"><span class="cut">${shown}<span class="here" style="${markOf(layers, spot)}"></span></span><span>${name}</span></span>`;
}

/** The square window on a place, in px of the ROI. */
function windowOn({ width, height }: RoiLayers, { x, y }: Spot) {
  const side = Math.min(SIDE, width, height);
  const startOf = (middle: number, length: number) => Math.min(Math.max(0, middle - side / 2), length - side);
  return { side, left: startOf(x, width), top: startOf(y, height) };
}

/** Where a whole layer lies behind its window. */
function cutOf(layers: RoiLayers, spot: Spot): string {
  const { side, left, top } = windowOn(layers, spot);
  const share = (value: number) => `${((100 * value) / side).toFixed(2)}%`;
  return `width:${share(layers.width)};height:${share(layers.height)};left:-${share(left)};top:-${share(top)}`;
}

/** Where the place is in its window. */
function markOf(layers: RoiLayers, spot: Spot): string {
  const { side, left, top } = windowOn(layers, spot);
  const share = (value: number) => `${((100 * value) / side).toFixed(2)}%`;
  return `left:${share(spot.x - left)};top:${share(spot.y - top)}`;
}
