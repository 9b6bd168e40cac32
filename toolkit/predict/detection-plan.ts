import { ReigniteError } from '../errors.ts';
import type { DescribedDetector } from '../models/cell-model.ts';
import type { DetectionSettings } from '../tasks/registry.ts';
import type { CandidatesFile } from '../yolo/detect/detection-files.ts';
import { letterboxInto, letterboxOf, type View } from '../yolo/detect/image-views.ts';
import { type NmsOptions, NO_LIMITS, SCRIPT_LIMITS, type Suppression } from '../yolo/detect/nms.ts';
import type { PredictionChoices, PredictionSettings, SettingsInEffect } from './prediction.ts';

/** How the cells of one image are detected. */
export interface ImageDetection {
  /** Size of the network's input, px. */
  readonly size: { readonly height: number; readonly width: number };
  readonly confidence: number;
  readonly iou: number;
  /** Missing for tiles without overlap, as in the paper. */
  readonly view?: View;
  readonly suppression: Suppression;
  /** Detection score down to which candidates are recorded. Missing for the paper's detectors. */
  readonly recorded?: number;
}

/** How the cells of all images of a prediction are detected. */
export interface DetectionPlan {
  /** Whether all settings are those of the paper's scripts. */
  readonly isPaper: boolean;
  /** Whether the model is one for this task, judged by the names of its classes. */
  readonly isOfTask: boolean;
  /** For a model with two heads: whether to use the one-to-many head, whose boxes need non-maximum suppression. */
  readonly oneToMany: boolean;
  /** Describes how the network sees the images, one sentence each. */
  notes(model: { readonly isSuppressed: boolean }): readonly string[];
  /** @param image - Size at which the network sees the image, px. */
  of(image: { readonly width: number; readonly height: number }): ImageDetection;
}

/** Defaults of Ultralytics and YOLOv5. */
const USUAL = { confidence: 0.25, iou: { yolov5: 0.45, ultralytics: 0.7, onnx: 0.7 }, imgsz: 640 } as const;
/** Detection score down to which candidates are recorded. */
const RECORDED = 0.1;
/** Default overlap of tiles, as a share of their side. */
const USUAL_OVERLAP = 0.2;

/**
 * Decides how to run a detector. One with the classes of the task is run as in the paper's scripts. Any other is run with
 * the defaults of its package, in overlapping tiles or, with `--imgsz`, on the whole image scaled to that size.
 *
 * @param classes - Class names of the paper's model.
 * @throws ReigniteError USAGE for options that exclude each other or do not suit the model.
 */
export function planDetection(
  detector: DescribedDetector,
  choices: PredictionChoices,
  { settings, classes }: { readonly settings: DetectionSettings; readonly classes: readonly string[] },
): DetectionPlan {
  const isOfTask = detector.family === 'yolov5' && detector.classes.join('\n') === classes.join('\n');
  const { imgsz, overlap, fit } = choices;
  const confidence = choices.confidence ?? (isOfTask ? settings.confidence : USUAL.confidence);
  const iou = choices.iou ?? (isOfTask ? settings.iou : USUAL.iou[detector.family]);
  const suppression = isOfTask ? 'together' : 'by-class';
  const oneToMany = detector.hasTwoHeads === true && choices.iou !== undefined;
  const oblong = oblongInput(detector);
  const isWithoutOverlap = overlap === 0 ? fit !== 'letterbox' : overlap === undefined && fit === undefined;
  if (isOfTask && oblong === undefined && imgsz === undefined && isWithoutOverlap) {
    // An ONNX file has the tile size that it was converted for.
    const tile = detector.fixed === undefined ? settings.tile : Math.max(detector.fixed.height, detector.fixed.width);
    const isPaper = confidence === settings.confidence && iou === settings.iou;
    const of = () => ({ size: { height: tile, width: tile }, confidence, iou, suppression }) as const;
    return { isPaper, isOfTask, oneToMany, notes: () => [], of };
  }
  const rest = { confidence, iou, suppression, recorded: Math.min(RECORDED, confidence) } as const;
  const isWhole = imgsz !== undefined || (oblong !== undefined && overlap === undefined);
  const isLetterbox = (fit ?? (isWhole ? 'letterbox' : 'tiles')) === 'letterbox';
  if (oblong !== undefined && isLetterbox)
    return { isPaper: false, isOfTask, oneToMany, ...inOblong(oblong, choices, rest) };
  const isPaperTile = isOfTask && !isLetterbox && detector.fixed === undefined;
  const side = sideOf(detector, imgsz ?? (isPaperTile ? settings.tile : undefined));
  if (isLetterbox) {
    refuseWithLetterbox(choices);
    const stride = detector.fixed === undefined ? detector.stride : undefined;
    const notes = notesOf(`each image as a whole, scaled to ${side} px as yolo predict does`, rest, choices);
    const of = (image: { readonly width: number; readonly height: number }) => {
      const box = letterboxOf(image, side, stride);
      return { size: { height: box.height, width: box.width }, view: { kind: 'letterbox', box }, ...rest } as const;
    };
    return { isPaper: false, isOfTask, oneToMany, notes, of };
  }
  const shared = overlap ?? Math.round(side * USUAL_OVERLAP);
  if (shared > side / 2) throw usage(`--overlap ${shared} is more than half of a tile of ${side} px.`);
  const notes = notesOf(`tiles of ${side} px that overlap by ${shared} px`, rest, choices);
  const size = { height: side, width: side };
  const of = () => ({ size, view: { kind: 'tiles', overlap: shared }, ...rest }) as const;
  return { isPaper: false, isOfTask, oneToMany, notes, of };
}

/** Returns the input size of an ONNX file if it is fixed and not square. */
function oblongInput({ fixed }: DescribedDetector): DescribedDetector['fixed'] {
  return fixed?.height === fixed?.width ? undefined : fixed;
}

/** Plans to scale the whole image into an input that is not square. */
function inOblong(
  size: NonNullable<DescribedDetector['fixed']>,
  choices: PredictionChoices,
  rest: Pick<ImageDetection, 'confidence' | 'iou' | 'suppression' | 'recorded'>,
): Pick<DetectionPlan, 'notes' | 'of'> {
  refuseWithLetterbox(choices);
  const { imgsz } = choices;
  if (imgsz !== undefined && imgsz !== Math.max(size.width, size.height)) throw unsuitable(imgsz, size);
  const into = `each image as a whole, scaled into ${size.width} x ${size.height} px as yolo predict does`;
  const notes = notesOf(into, rest, choices);
  return { notes, of: (image) => ({ size, view: { kind: 'letterbox', box: letterboxInto(image, size) }, ...rest }) };
}

function unsuitable(imgsz: number, { width, height }: NonNullable<DescribedDetector['fixed']>): ReigniteError {
  return usage(
    `--imgsz ${imgsz} does not suit the model, whose ONNX file takes ${width} x ${height} px: leave it out.`,
  );
}

/** @param seen - What the network saw, after "The network saw". */
function notesOf(
  seen: string,
  { confidence, iou }: Pick<ImageDetection, 'confidence' | 'iou'>,
  choices: PredictionChoices,
): DetectionPlan['notes'] {
  return ({ isSuppressed }) => {
    const saw = `The network saw ${seen}; confidence ${confidence}`;
    if (!isSuppressed) return [`${saw}, IoU ${iou}.`];
    const unused = choices.iou === undefined ? 'no IoU threshold applies' : '--iou was not applied';
    return [
      `${saw}.`,
      `The network selects its boxes itself, with its own settings: ${unused}, and a lower --confidence does not bring back boxes that it left out.`,
    ];
  };
}

/** Returns the side of the input in px: fixed by the model, or else requested, that of its training, or 640. */
function sideOf({ fixed, stride, imgsz: trained }: DescribedDetector, requested: number | undefined): number {
  if (fixed !== undefined) {
    const { height, width } = fixed;
    if (height !== width)
      throw usage(
        `The model takes images of ${width} x ${height} px, which are not square: it cannot be used with tiles. Leave out --fit tiles and --overlap, or export it for square images.`,
      );
    if (requested === undefined || requested === height) return height;
    throw usage(
      `--imgsz ${requested} does not suit the model: its ONNX file takes ${height} px. Use --imgsz ${height}.`,
    );
  }
  // As in Ultralytics, rounded up to a multiple of the stride.
  return Math.ceil((requested ?? trained ?? USUAL.imgsz) / stride) * stride;
}

function refuseWithLetterbox({ overlap, resample }: PredictionChoices): void {
  if (overlap !== undefined) throw usage('--overlap is for tiles: with --imgsz, add --fit tiles.');
  if (resample) throw usage('--resample is for tiles: leave it out, or with --imgsz add --fit tiles.');
}

function usage(message: string): ReigniteError {
  return new ReigniteError('USAGE', message);
}

/** What decides how a detector runs. */
interface RunDetector {
  readonly detector: DescribedDetector;
  readonly choices: PredictionChoices;
  readonly task: { readonly settings: DetectionSettings; readonly classes: readonly string[] };
  /** Whether its network outputs one box per object, so that no IoU threshold applies. */
  readonly isSuppressed: boolean;
}

/** The options whose values in effect are stored. */
const OPTIONS = ['confidence', 'iou', 'overlap'] as const;
/** A square image, for which every plan gives a square input unless the model's own is not square. */
export const USUAL_IMAGE = { width: 1, height: 1 };

/** Returns the confidence, the IoU threshold and the overlap of tiles in effect. Those that do not apply are missing. */
export function settingsInEffect(run: RunDetector): Omit<SettingsInEffect, 'earlierDigest'> {
  const usual = OPTIONS.map((option) => {
    const { [option]: _, ...choices } = run.choices;
    return [option, valuesOf({ ...run, choices })[option]] as const;
  });
  return { settings: definedIn(Object.entries(valuesOf(run))), usual: definedIn(usual) };
}

/** Returns the settings that the user chose, with the values in effect for those that have one. */
export function withValuesInEffect(
  chosen: PredictionSettings,
  inEffect: SettingsInEffect | undefined,
): PredictionSettings {
  if (inEffect === undefined) return chosen;
  const others = Object.entries(chosen).filter(([name]) => !OPTIONS.some((option) => option === name));
  return { ...Object.fromEntries(others), ...inEffect.settings };
}

function valuesOf({ detector, choices, task, isSuppressed }: RunDetector) {
  const { confidence, iou, view } = planDetection(detector, choices, task).of(USUAL_IMAGE);
  const hasNoIou = detector.hasTwoHeads === true ? choices.iou === undefined : isSuppressed;
  const overlap = view?.kind === 'letterbox' ? undefined : (view?.overlap ?? 0);
  return { confidence, iou: hasNoIou ? undefined : iou, overlap };
}

function definedIn(values: readonly (readonly [string, number | undefined])[]): PredictionSettings {
  return Object.fromEntries(values.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/**
 * Returns the IoU above which a box of a tile is the same cell as one of the next tile. Of a network that selects its boxes
 * itself it is the default, as its notes say.
 */
export function iouOf(
  { isSuppressed }: { readonly isSuppressed: boolean },
  { iou }: Pick<ImageDetection, 'iou'>,
): number {
  return isSuppressed ? USUAL.iou.onnx : iou;
}

/** Returns the size of the network's input in px, square unless the model's own is not. */
export function usualSize(plan: DetectionPlan): { readonly height: number; readonly width: number } {
  return plan.of(USUAL_IMAGE).size;
}

/**
 * Returns how many boxes non-maximum suppression keeps per network input: in tiles as in the paper's scripts as many as
 * there, otherwise all.
 */
export function limitsOf({
  view,
}: Pick<ImageDetection, 'view'>): Required<Pick<NmsOptions, 'maxCandidates' | 'maxKept'>> {
  return view === undefined ? SCRIPT_LIMITS : NO_LIMITS;
}

/** Warns if cells are missing because a tile has more boxes than the paper's scripts keep. */
export function limitCautions(candidates: CandidatesFile['candidates']): readonly string[] {
  const overLimit = candidates.filter(({ outcome }) => outcome === 'limit');
  if (overLimit.length === 0) return [];
  const tiles = new Set(overLimit.map(({ tile }) => tile)).size;
  const boxes = overLimit.length === 1 ? '1 box was' : `${overLimit.length} boxes were`;
  return [
    `Do not trust these numbers: ${boxes} left out, because reignite, like the authors' script, keeps at most ` +
      `${SCRIPT_LIMITS.maxKept} per tile and ${tiles === 1 ? '1 tile has' : `${tiles} tiles have`} more; ` +
      'with --overlap 64 all are kept.',
  ];
}

/**
 * Warns if a network that selects its boxes itself gave as many for a tile as it can.
 *
 * @param most - Number of boxes that it gives for a tile.
 */
export function fullTileNotes(candidates: CandidatesFile['candidates'], most: number): readonly string[] {
  const perTile = new Map<number, number>();
  for (const { tile, outcome } of candidates) {
    if (outcome !== 'confidence') perTile.set(tile, (perTile.get(tile) ?? 0) + 1);
  }
  if (Math.max(0, ...perTile.values()) < most) return [];
  return [`The network gives at most ${most} boxes per tile, and a tile has that many: there may be more cells.`];
}
