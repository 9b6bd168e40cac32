import { HE_LABELS, type LabelTranslation, translateLabels } from '../../dataset/tissue-labels.ts';
import { ReigniteError } from '../../errors.ts';
import { decodeByteLabels, type LabelImage } from '../../image/decode-labels.ts';
import { decodeGrey16 } from '../../image/decode-pixels.ts';
import { NOT_PREDICTED } from '../../nnunet/sliding-window/tile-grid.ts';
import { EDGES, HotspotFinder, type LayerWriter, type RoiLayers, SHARES, type Spot } from './draw-layers.ts';
import {
  encodeConfidences,
  encodeDifferences,
  encodeMask,
  openPhoto,
  shrinkDifferences,
  shrinkLabels,
  shrinkToSmallest,
  sizeWithin,
} from './encode-layer.ts';

/** Absolute paths of the sources of an H&E ROI's layers. */
export interface TissueSources {
  readonly image?: string | undefined;
  readonly truth?: string | undefined;
  readonly published: string;
  readonly ours: string;
  readonly confidence?: string | undefined;
  /** Translation of the values of our mask, if they are not the paper's labels. */
  readonly labels?: LabelTranslation | undefined;
}

type Drawn = Pick<RoiLayers, 'width' | 'height' | 'classes' | 'spots'>;

/**
 * Writes the layers of an H&E ROI: image, ground truth, published mask, our mask, confidences, and the differences
 * between the two masks.
 *
 * @param limit - Maximum bytes of all layers together.
 * @throws ReigniteError when our mask cannot be read. If another source cannot be read, its layer is left out with a
 * note; a mask of another size is left out without one.
 */
export async function drawTissueLayers(sources: TissueSources, limit: number, writer: LayerWriter): Promise<Drawn> {
  const decoded = await decodeByteLabels(sources.ours);
  const ours =
    sources.labels === undefined ? decoded : { ...decoded, data: translateLabels(decoded.data, sources.labels) };
  const longest = Math.max(ours.width, ours.height);
  const bytes = (share: keyof typeof SHARES) => limit * SHARES[share];
  const fitting = async (what: string, path: string) => {
    const mask = await orNote(writer, what, decodeByteLabels(path));
    return mask && sameSizeOrNote(writer, what, mask, ours);
  };
  const truth = sources.truth === undefined ? undefined : await fitting('truth', sources.truth);
  const published = await fitting('published', sources.published);
  if (sources.image !== undefined) {
    const photo = openPhoto(sources.image, EDGES[0]);
    await orNote(
      writer,
      'image',
      photo.then((encode) => writer.writeImage('image', bytes('image'), longest, encode)),
    );
  }
  const writeMask = (layer: 'truth' | 'published' | 'ours', mask: LabelImage) =>
    writer.writeImage(layer, bytes('mask'), longest, async (edge) => {
      const size = sizeWithin(mask, edge);
      return encodeMask(shrinkLabels(mask.data, mask, size), size, layer === 'truth');
    });
  if (truth !== undefined) await writeMask('truth', truth);
  await writeMask('ours', ours);
  const spots = published === undefined ? [] : spotsOf(published, ours);
  if (published !== undefined && spots.length === 0 && writer.files.ours !== undefined) {
    writer.files.published = writer.files.ours;
  } else if (published !== undefined) {
    await writeMask('published', published);
    await writer.writeImage('differ', bytes('differ'), longest, async (edge) => {
      const size = sizeWithin(ours, edge);
      return encodeDifferences(shrinkDifferences(published.data, ours.data, ours, size), size);
    });
  }
  const { confidence } = sources;
  const confidences =
    confidence === undefined ? undefined : await orNote(writer, 'confidence', decodeGrey16(confidence));
  if (confidences !== undefined) {
    await writer.writeImage('confidence', bytes('confidence'), longest, async (edge) => {
      const size = sizeWithin(confidences, edge);
      return encodeConfidences(shrinkToSmallest(confidences.data, confidences, size), size);
    });
  }
  return { width: ours.width, height: ours.height, classes: classesOf(truth, published, ours), spots };
}

async function orNote<Result>(writer: LayerWriter, what: string, work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ReigniteError) || error.retryable) throw error;
    writer.notes.push(`The layer "${what}" is missing: its file cannot be read (${error.code}).`);
    return undefined;
  }
}

function sameSizeOrNote(
  { notes }: LayerWriter,
  what: string,
  mask: LabelImage,
  { width, height }: LabelImage,
): LabelImage | undefined {
  if (mask.width === width && mask.height === height) return mask;
  const sizes = `${mask.width} x ${mask.height} px instead of ${width} x ${height} px`;
  notes.push(`The layer "${what}" is missing: its mask has ${sizes}.`);
  return undefined;
}

function spotsOf(published: LabelImage, ours: LabelImage): Spot[] {
  const finder = new HotspotFinder();
  for (let at = 0; at < ours.data.length; at++) {
    const [mine, theirs] = [ours.data[at], published.data[at]];
    if (mine === theirs || mine === NOT_PREDICTED || theirs === NOT_PREDICTED) continue;
    finder.add(at % ours.width, Math.floor(at / ours.width));
  }
  return finder.spots();
}

/**
 * Returns the labels that occur in any mask with their shares of the pixels, sorted by the larger share in ground truth
 * or our mask.
 */
function classesOf(
  truth: LabelImage | undefined,
  published: LabelImage | undefined,
  ours: LabelImage,
): RoiLayers['classes'] {
  const [inTruth, inPublished, inOurs] = [truth, published, ours].map(sharesOf);
  return HE_LABELS.map(({ value }) => ({
    label: value,
    truth: inTruth?.[value] ?? 0,
    published: published === undefined ? null : (inPublished?.[value] ?? 0),
    ours: inOurs?.[value] ?? 0,
  }))
    .filter(({ truth: one, published: two, ours: three }) => Math.max(one, two ?? 0, three) > 0)
    .sort((a, b) => Math.max(b.truth, b.ours) - Math.max(a.truth, a.ours));
}

function sharesOf(mask: LabelImage | undefined): readonly number[] {
  const labels = mask?.data ?? new Uint8Array(0);
  const counts = new Uint32Array(256);
  for (let at = 0; at < labels.length; at++) {
    const label = labels[at] ?? 0;
    counts[label] = (counts[label] ?? 0) + 1;
  }
  const pixels = mask?.data.length ?? 1;
  return [...counts].map((count) => Number((count / pixels).toPrecision(3)));
}
