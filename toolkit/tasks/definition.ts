import type { CellTask, TissueTask } from '../../config/tasks.ts';
import type { SequentialScale } from '../figures/f1-matrix-colours.ts';

export type Stain = 'H&E' | 'immunohistochemistry';

/** Properties of a task in which an nnU-Net v1 model segments tissue into the paper's 17 labels. */
export interface TissueTaskDefinition {
  readonly kind: 'tissue';
  readonly name: TissueTask;
  /** Folder of its files below `images`, `annotations`, `models`, `inference` and `figures`. */
  readonly folder: string;
  /** Of the images that the paper's models of the task were trained on. */
  readonly stain: Stain;
  /** Name of the record's model, a folder below its folder of models. */
  readonly modelFolder: string;
}

/** Settings of a detector. */
export interface DetectionSettings {
  /** Side of a tile in px; the stride is the same. */
  readonly tile: number;
  /** Detection score that a point must exceed, 0 to 1. */
  readonly confidence: number;
  /** IoU threshold: largest overlap of two boxes (intersection over union), 0 to 1. */
  readonly iou: number;
}

/** Readers whose agreement is computed among themselves and with the AI. */
export interface ReaderGroup {
  /** Name in results and in file names of figures. */
  readonly name: string;
  /** Names that the authors' scripts search for, in their order. */
  readonly readers: readonly string[];
}

/** A group with the title and the colours of its matrix of F1 scores. */
export interface DrawnReaderGroup extends ReaderGroup {
  readonly title: string;
  readonly scale: SequentialScale;
}

/** Properties of a task in which a YOLOv5 detector finds cells, which are compared with the points of readers. */
export interface CellTaskDefinition {
  readonly kind: 'cells';
  readonly name: CellTask;
  /** Folder of its files below `images`, `annotations`, `models`, `inference` and `figures`. */
  readonly folder: string;
  /** Of the images that the paper's models of the task were trained on. */
  readonly stain: Stain;
  /** Name of the record's checkpoint in its folder of models. */
  readonly checkpoint: string;
  /** Name of the COCO file of all readers in its folder of annotations. */
  readonly readersFile: string;
  /** Names of the classes of cells, as in the authors' detector. */
  readonly classes: readonly string[];
  /** Returns the class that a category's name, in lower case, means; undefined if it means none. */
  readonly classOfName: (name: string) => number | undefined;
  /** Largest distance between two readers' points of the same cell, in px at 0.5 µm/px, inclusive. */
  readonly hitRadius: number;
  readonly groups: readonly DrawnReaderGroup[];
  /** Settings in effect in the authors' code. */
  readonly settings: DetectionSettings;
  /** Settings that the authors' script declares but never passes on. The discrepancy report measures their effect. */
  readonly declared?: { readonly settings: DetectionSettings; readonly script: string };
  /** Classes whose counts give the tumour proportion score. */
  readonly tumourProportion?: { readonly positive: string; readonly negative: string };
  /** What was detected, as the start of a sentence: "Nuclei were detected". */
  readonly detected: string;
}
