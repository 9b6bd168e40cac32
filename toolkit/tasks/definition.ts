import type { CellTask, TissueTask } from '../../config/tasks.ts';
import type { SequentialScale } from '../figures/f1-matrix-colours.ts';

export type Stain = 'H&E' | 'immunohistochemistry';

/** What is particular to a task in which tissue is segmented by an nnU-Net v1 model with the paper's 17 labels. */
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

/** How a detector is run. */
export interface DetectionSettings {
  /** Side of a tile in px; the stride is the same. */
  readonly tile: number;
  /** Smallest score of a point, 0 to 1. */
  readonly confidence: number;
  /** Largest overlap of two boxes (intersection over union), 0 to 1. */
  readonly iou: number;
}

/** Readers whose agreement is computed among themselves and with the AI. */
export interface ReaderGroup {
  /** As the results and the files of figures name it. */
  readonly name: string;
  /** As the authors' scripts look for them, in their order. */
  readonly readers: readonly string[];
}

/** A group with the title and the colours of its matrix of F1 scores. */
export interface DrawnReaderGroup extends ReaderGroup {
  readonly title: string;
  readonly scale: SequentialScale;
}

/** What is particular to a task in which a YOLOv5 detector finds cells, held against the points of readers. */
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
  /** Names of the classes of cells, as the authors' detector has them. */
  readonly classes: readonly string[];
  /** The class that the name of a category says, lower case; undefined for a name that says none. */
  readonly classOfName: (name: string) => number | undefined;
  /** Largest distance between a reader's point and another's of the same cell, in px at 0.5 µm/px; inclusive. */
  readonly hitRadius: number;
  readonly groups: readonly DrawnReaderGroup[];
  /** In effect in the authors' code. */
  readonly settings: DetectionSettings;
  /** What the authors' script declares and never passes on; the discrepancy report measures the difference. */
  readonly declared?: { readonly settings: DetectionSettings; readonly script: string };
  /** Classes whose numbers give the tumour proportion score. */
  readonly tumourProportion?: { readonly positive: string; readonly negative: string };
  /** What was detected, as the beginning of a sentence: "Nuclei were detected". */
  readonly detected: string;
}
