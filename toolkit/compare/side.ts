import type { Task } from '../../config/tasks.ts';
import type { LabelTranslation } from '../evaluate/label-translation.ts';
import type { TumourShare } from '../predict/slides/tumour-share.ts';
import type { PatientsFile } from '../verdict/verdict-file.ts';

/** What one of two things to compare is. */
export type SideKind = 'run' | 'evaluation' | 'prediction';

/** A task of a side: where its predictions are, and how they scored. */
export interface SideTask {
  /** Absolute path of the prediction of every ROI or image, by its name; the file may be missing where cells have none. */
  readonly predictions: ReadonlyMap<string, string>;
  /** Counts of each patient, `ours` is this side; undefined where there is no ground truth. */
  readonly counts?: PatientsFile;
  /** How the values of its masks are read, where they are not the paper's. */
  readonly labels?: LabelTranslation;
  /** Names of the label values or classes, where they are a custom model's own. */
  readonly labelNames?: readonly { readonly value: number; readonly name: string }[];
  /** Absolute paths of the images, by the same names, where they are known. */
  readonly images: ReadonlyMap<string, string>;
  /** Those of the images that are whole slides, by the same names. */
  readonly slides?: ReadonlyMap<string, SideSlide>;
}

/** A predicted whole slide of a side. */
export interface SideSlide {
  /** SHA-256 of the file; missing where an earlier version predicted it. */
  readonly sha256?: string;
  /** px of its largest level. */
  readonly width: number;
  readonly height: number;
  /** Size at which the network saw it, px. */
  readonly seen: { readonly width: number; readonly height: number };
  /** µm per px of its largest level, where it is known. */
  readonly mpp?: number;
  /** Absolute path of the small picture of the slide in which glass is darkened, where it was written. */
  readonly picture?: string;
  /** PD-L1 positive among all tumour cells, where it was computed. */
  readonly tumour?: TumourShare;
}

/** One of two things to compare. */
export interface Side {
  /** As the user named it. */
  readonly name: string;
  readonly kind: SideKind;
  /** Absolute. */
  readonly folder: string;
  /** The record, where it is known. */
  readonly record?: string;
  /** Absolute data folder, where it is known. */
  readonly data?: string;
  /** Whether its images are marked as synthetic: nothing is said about the paper then. */
  readonly isSynthetic: boolean;
  /** Settings, models and versions: what is listed where it differs. */
  readonly about: ReadonlyMap<string, string>;
  readonly tasks: ReadonlyMap<Task, SideTask>;
}
