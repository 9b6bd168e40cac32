import type { Task } from '../../config/tasks.ts';
import type { LabelTranslation } from '../evaluate/label-translation.ts';
import type { TumourShare } from '../predict/slides/tumour-share.ts';
import type { PatientsFile } from '../verdict/verdict-file.ts';

/** What wrote one of the two folders to compare. */
export type SideKind = 'run' | 'evaluation' | 'prediction';

/** A task of a side: the paths of its predictions, and their scores. */
export interface SideTask {
  /** Absolute path of every prediction, by name of the ROI or image. The file may be missing for an image without cells. */
  readonly predictions: ReadonlyMap<string, string>;
  /** Counts of each patient, of which `ours` is this side; undefined if there is no ground truth. */
  readonly counts?: PatientsFile;
  /** Translation of its mask values, if they are not the paper's labels. */
  readonly labels?: LabelTranslation;
  /** Names of the label values or classes of a custom model. */
  readonly labelNames?: readonly { readonly value: number; readonly name: string }[];
  /** Absolute paths of the images, by the same names, if known. */
  readonly images: ReadonlyMap<string, string>;
  /** What was predicted, by the same names, if known. */
  readonly sources?: ReadonlyMap<string, SideImage>;
  /** Images that are whole slides, by the same names. */
  readonly slides?: ReadonlyMap<string, SideSlide>;
}

/** A predicted image or whole slide of a side. */
export interface SideImage {
  /** SHA-256 of the file; missing if an earlier version predicted it. */
  readonly sha256?: string;
  /** Size in px; of a slide, that of its largest level. */
  readonly width: number;
  readonly height: number;
}

/** A predicted whole slide of a side. */
export interface SideSlide extends SideImage {
  /** Size in px at which the network saw it. */
  readonly seen: { readonly width: number; readonly height: number };
  /** Pixel size of the largest level in µm, if known. */
  readonly mpp?: number;
  /** Absolute path of the small picture of the slide with darkened glass, if it was written. */
  readonly picture?: string;
  /** Share of PD-L1 positive cells among all tumour cells, if computed. */
  readonly tumour?: TumourShare;
}

/** One of the two folders to compare. */
export interface Side {
  /** As the user named it. */
  readonly name: string;
  readonly kind: SideKind;
  /** Absolute path. */
  readonly folder: string;
  /** Number of the record, if known. */
  readonly record?: string;
  /** Absolute data folder, if known. */
  readonly data?: string;
  /** Whether its images are marked as synthetic, so that the comparison says nothing about the paper. */
  readonly isSynthetic: boolean;
  /** Settings, models and versions, which are listed if they differ. */
  readonly about: ReadonlyMap<string, string>;
  readonly tasks: ReadonlyMap<Task, SideTask>;
}
