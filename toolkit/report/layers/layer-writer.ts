import { join } from 'node:path';
import type { Task } from '../../../config/tasks.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { reportFolder } from '../../results/results-folder.ts';
import type { LayerName } from './layers-file.ts';

/** Bytes that the layers of all ROIs take at most; the page, its figures and its script have the rest of 30 MB. */
const ALL_LAYERS = 25_000_000;
/** Bytes of one ROI's layers where there are few. */
const MAX_ROI = 600_000;

/** ROIs with layers of their own at most: beyond, those that differ most have them. */
export const MAX_VIEWED = 1_000;

/** How an ROI's bytes are divided. */
export const SHARES = { image: 0.55, mask: 0.11, margin: 0.06, differ: 0.05, readers: 0.2, points: 0.08 } as const;

/** Steps in which the bytes of one ROI become half. */
const STEPS_A_HALF = 2;

/**
 * Bytes for the layers of one ROI, so that a report stays below 30 MB however many ROIs it has. They fall in few steps:
 * at each of them all layers are drawn again, and not with every ROI that is added.
 *
 * @param rois - ROIs with layers, at least 1.
 */
export function bytesAnRoi(rois: number): number {
  const halvings = Math.max(0, Math.log2((rois * MAX_ROI) / ALL_LAYERS));
  return Math.floor(MAX_ROI / 2 ** (Math.ceil(halvings * STEPS_A_HALF) / STEPS_A_HALF));
}

/** Longer sides that a layer may have, in px, from the finest down. */
export const EDGES = [1_600, 1_280, 1_024, 800, 640, 512, 400, 320, 256, 192, 128, 96] as const;

/** The layer's first encoding, from whose size that of others is guessed. */
const FIRST_EDGE = 512;
/** A layer that fills less of its bytes than this may be finer. */
const FULL = 0.7;

/**
 * The finest encoding of a layer that keeps to its bytes, found in a few tries.
 *
 * @param longest - Longer side of the ROI in px: a layer is never finer than the ROI.
 * @param encode - Encodes the layer so that its longer side has that many px.
 * @returns undefined when even the coarsest is too large.
 */
export async function finestWithin(
  limit: number,
  longest: number,
  encode: (edge: number) => Promise<Uint8Array>,
): Promise<Uint8Array | undefined> {
  const coarser = EDGES.filter((edge) => edge < longest);
  const edges = longest <= EDGES[0] ? [longest, ...coarser] : coarser;
  const tried = new Map<number, Uint8Array>();
  const encoded = async (place: number) => {
    const known = tried.get(place) ?? (await encode(edges[place] ?? longest));
    tried.set(place, known);
    return known;
  };
  const last = edges.length - 1;
  const placeOf = (most: number) =>
    Math.min(
      last,
      Math.max(
        0,
        edges.findIndex((edge) => edge <= most),
      ),
    );
  const first = placeOf(FIRST_EDGE);
  // Bytes grow with the area at most, so that this guess is rather too coarse than too fine.
  const guess = (edges[first] ?? longest) * Math.sqrt(limit / Math.max(1, (await encoded(first)).length));
  let place = edges.some((edge) => edge <= guess) ? placeOf(guess) : last;
  while (place < last && (await encoded(place)).length > limit) place++;
  while (place > 0 && (await encoded(place)).length < FULL * limit && (await encoded(place - 1)).length <= limit)
    place--;
  const bytes = await encoded(place);
  return bytes.length <= limit ? bytes : undefined;
}

/** Writes the layers of one ROI to report/assets, each within its bytes. */
export class LayerWriter {
  readonly files: Partial<Record<LayerName, string>> = {};
  readonly notes: string[] = [];
  readonly #folder: string;
  readonly #report: string;

  constructor(results: string, task: Task, roi: string) {
    this.#report = reportFolder(results);
    this.#folder = `assets/${task}/${roi}`;
  }

  /** Absolute folder of the layers. */
  get folder(): string {
    return join(this.#report, this.#folder);
  }

  /** @param longest - Longer side of the ROI in px. */
  async writeImage(
    layer: LayerName,
    limit: number,
    longest: number,
    encode: (edge: number) => Promise<Uint8Array>,
  ): Promise<void> {
    const bytes = await finestWithin(limit, longest, encode);
    if (bytes === undefined) this.notes.push(`The layer "${layer}" is too large for a report.`);
    else await this.#write(layer, 'webp', bytes);
  }

  async writeDrawing(layer: LayerName, limit: number, svg: string): Promise<void> {
    if (svg.length <= limit) await this.#write(layer, 'svg', svg);
    else this.notes.push(`The layer "${layer}" is too large for a report.`);
  }

  async #write(layer: LayerName, extension: string, content: string | Uint8Array): Promise<void> {
    const file = `${this.#folder}/${layer}.${extension}`;
    await writeFileAtomic(join(this.#report, file), content);
    this.files[layer] = file;
  }
}
