import type { Task } from '../../../config/tasks.ts';
import type { FileDigests } from '../../cache/file-digests.ts';
import { ReigniteError } from '../../errors.ts';
import { sha256Of } from '../../files/hash-file.ts';
import type { DecodedImage } from '../../image/accepted-image.ts';
import { adapterNames, sumsChoice } from '../../onnx/session/engine-choice.ts';
import { Slide } from '../../slide/read/slide.ts';
import { MODEL_MPP, suitsModels } from '../../slide/read/slide-resolution.ts';
import { SlideView } from '../../slide/read/slide-view.ts';
import type { SlideTissue } from '../../slide/slide-tissue.ts';
import { definitionOf } from '../../tasks/registry.ts';
import type { Inferred, PredictServices } from '../infer-once.ts';
import type { ImagePrediction, PredictionChoices } from '../prediction.ts';
import { drawTissueMask, overviewOnce, tissueOnce, writeTissueMask } from './slide-survey.ts';

/** A slide as a network sees it. */
export interface SeenSlide {
  readonly slide: Slide;
  readonly view: SlideView;
  /** Makes a small image of the whole slide, which strips do not need. */
  readonly overview: () => Promise<DecodedImage>;
  /** Missing if the whole slide is predicted. */
  readonly tissue?: SlideTissue;
  readonly sha256: string;
  /** µm per px of the largest level, if known. */
  readonly mpp: number | undefined;
  /** Parts of the cache key. */
  readonly key: Readonly<Record<string, string | number>>;
  /** Notes on its pixel size and tissue, one sentence each. */
  readonly notes: readonly string[];
}

/** Services for predictions of slides. */
export interface SlideServices extends PredictServices {
  /** Remembers the digest of the slide, so that not every strip reads the whole file. */
  readonly digests: FileDigests;
}

/** A slide to open. */
export interface SlideRequest {
  readonly task: Task;
  readonly path: string;
  readonly choices: PredictionChoices;
  /** Absolute output paths of the tissue mask and of the picture of it. Missing for a strip, which does not write them. */
  readonly pictures?: { readonly mask: string; readonly picture: string };
  readonly services: Pick<SlideServices, 'home' | 'cache' | 'digests'>;
  readonly signal?: AbortSignal;
}

/**
 * Opens a slide, chooses its resolution and finds its tissue. The tissue is cached for strips and later predictions. The
 * tissue mask is written before the prediction starts.
 *
 * @param use - Called with the slide, which is closed afterwards.
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, SCALE_UNKNOWN, USAGE, NO_TISSUE, NO_SPACE, NOT_WRITABLE.
 */
export async function withSeenSlide<Result>(
  { task, path, choices, pictures, services, signal }: SlideRequest,
  use: (seen: SeenSlide) => Promise<Result>,
): Promise<Result> {
  const slide = await Slide.open(path);
  try {
    const { mpp, level, everywhere, maxValue } = choices;
    if (maxValue !== undefined && slide.bits === 16) {
      throw new ReigniteError(
        'USAGE',
        `--max-value is for images; of 16-bit slides such as ${path}, only the high byte is used.`,
        {
          remedy: 'Convert the slide to 8 bits first, with white at 255, and leave --max-value out.',
        },
      );
    }
    const view = SlideView.choose(slide, { ...(mpp && { mpp }), ...(level !== undefined && { level }) }, MODEL_MPP);
    const sha256 = await services.digests.sha256(path, signal);
    await services.digests.save();
    const of = { slide, sha256, services };
    const overview = () => overviewOnce(of);
    const isBlueTissue = definitionOf(task).stain !== 'H&E';
    const tissue = everywhere === true ? undefined : await tissueOnce(of, view, isBlueTissue);
    signal?.throwIfAborted();
    if (tissue !== undefined && pictures !== undefined) {
      await writeTissueMask(pictures.mask, tissue.mask);
      await drawTissueMask(pictures.picture, await overview(), tissue.mask, view);
    }
    if (tissue?.share === 0) throw noTissue(path, pictures?.picture);
    signal?.throwIfAborted();
    return await use({
      slide,
      view,
      overview,
      ...(tissue && { tissue }),
      sha256,
      mpp: mpp ?? slide.scale.resolution?.mpp,
      key: {
        level: view.level,
        factor: view.factor,
        ...(slide.fingerprint !== undefined && { fingerprint: slide.fingerprint }),
        tissue: tissue === undefined ? 'everywhere' : digestOf(tissue),
      },
      notes: [...slide.notes, ...scaleNotes(slide, view, mpp), ...tissueNotes(tissue), ...unusedNotes(choices)],
    });
  } finally {
    await slide.close();
  }
}

function noTissue(path: string, picture: string | undefined): ReigniteError {
  return new ReigniteError(
    'NO_TISSUE',
    `No tissue was found on ${path}${picture === undefined ? '' : ` (${picture})`}.`,
  );
}

function digestOf({ mask }: SlideTissue): string {
  return sha256Of(`${mask.block} ${mask.width} ${Buffer.from(mask.data).toString('latin1')}`);
}

function scaleNotes(slide: Slide, view: SlideView, given: number | undefined): readonly string[] {
  const { resolution } = slide.scale;
  const notes: string[] = [];
  if (given !== undefined) {
    const said = resolution === undefined ? '' : `; its ${resolution.source} says ${short(resolution.mpp)}`;
    notes.push(`Its pixel size was given: ${given} µm${said}.`);
  } else if (resolution !== undefined) {
    notes.push(`Its pixel size is ${short(resolution.mpp)} µm, from its ${resolution.source}.`);
  }
  const scaled = view.factor > 1 ? `downsampled by ${short(view.factor)}` : `enlarged by ${short(1 / view.factor)}`;
  const made = view.factor === 1 ? '' : `, ${scaled}`;
  const seenAt = view.mpp === undefined ? '' : ` at ${short(view.mpp)} µm/px`;
  notes.push(`The network saw level ${view.level}${made}: ${view.width} x ${view.height} px${seenAt}.`);
  if (view.mpp === undefined)
    notes.push(`Its pixel size is unknown; the models expect ${MODEL_MPP} µm/px. Set it with --mpp.`);
  else if (!suitsModels(view.mpp)) notes.push(`The models expect ${MODEL_MPP} µm/px.`);
  if (view.factor < 1)
    notes.push('No level is as fine as the models expect: details that they were trained on are missing.');
  return notes;
}

/** Names the options that only images take. */
function unusedNotes({ maxValue, resample }: PredictionChoices): readonly string[] {
  return [
    ...(maxValue === undefined ? [] : ['--max-value was not applied: the samples of the slide have 8 bits, not 16.']),
    ...(resample ? ['--resample was not applied: slides are resampled without it, unless --level is given.'] : []),
  ];
}

function tissueNotes(tissue: SlideTissue | undefined): readonly string[] {
  if (tissue === undefined) return ['The whole slide was predicted, glass included (--everywhere).'];
  const pen = tissue.pen < 0.001 ? '' : `; ${percent(tissue.pen)} looks like pen and was left out`;
  return [
    `Tissue was found on ${percent(tissue.share)} of the slide${pen}; only tissue was predicted (--everywhere predicts the whole slide).`,
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** Builds the fields that slide predictions of all tasks have in common. Sizes are in px of the largest level. */
export function describeSlide(
  { image, name }: { readonly image: string; readonly name: string },
  {
    slide,
    view,
    sha256,
    mpp,
  }: Pick<SeenSlide, 'mpp' | 'sha256'> & {
    readonly slide: Pick<SeenSlide['slide'], 'width' | 'height'>;
    readonly view: Pick<SeenSlide['view'], 'width' | 'height'>;
  },
  { entry, facts, isCached }: Omit<Inferred, 'entry'> & { readonly entry: Pick<Inferred['entry'], 'key'> },
): Pick<
  ImagePrediction,
  | 'image'
  | 'name'
  | 'sha256'
  | 'width'
  | 'height'
  | 'mpp'
  | 'resampledTo'
  | 'cached'
  | 'key'
  | 'provider'
  | 'adapter'
  | 'driver'
  | 'engine'
  | 'precision'
  | 'batchSize'
  | 'seconds'
> {
  const isResampled = view.width !== slide.width || view.height !== slide.height;
  return {
    image,
    name,
    sha256,
    width: slide.width,
    height: slide.height,
    ...(mpp !== undefined && { mpp }),
    ...(isResampled && { resampledTo: { width: view.width, height: view.height } }),
    cached: isCached,
    key: entry.key,
    provider: facts.provider,
    ...adapterNames(facts),
    ...sumsChoice(facts),
    seconds: isCached ? 0 : facts.seconds,
  };
}
