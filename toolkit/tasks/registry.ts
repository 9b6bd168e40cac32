import type { TaskSettings } from '../../config/task-config.ts';
import type { CellTask, Task, TissueTask } from '../../config/tasks.ts';
import type { SequentialScale } from '../figures/matrix-colours.ts';

type Stain = 'H&E' | 'immunohistochemistry';

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
interface DrawnReaderGroup extends ReaderGroup {
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

/** H&E tissue segmentation. @see code/he_segmentation of https://github.com/DIAGNijmegen/ignite-data-toolkit */
export const HE = {
  kind: 'tissue',
  name: 'he',
  folder: 'he',
  stain: 'H&E',
  modelFolder: 'nnUNetTrainerV2_BN_pathology_DA_ignore0_hed005__nnUNet_RGB_scaleTo_0_1_bs8_ps512',
} as const satisfies TissueTaskDefinition;

/**
 * Nuclei detection.
 *
 * The settings are those in effect, not those declared: the script declares constants, but calls `run_inference`
 * without them, so that its defaults apply.
 *
 * @see code/pdl1_detection/nuclei_test_set_inference.py and src/inference.py of
 *   https://github.com/DIAGNijmegen/ignite-data-toolkit
 */
export const NUCLEI = {
  kind: 'cells',
  name: 'nuclei',
  folder: 'pdl1/nuclei',
  stain: 'immunohistochemistry',
  checkpoint: 'nuclei_detection_weights.pt',
  readersFile: 'nuclei_test_set_all_readers.json',
  classes: ['nucleus'],
  classOfName: () => 0,
  hitRadius: 8,
  groups: [
    {
      name: 'nuclei',
      readers: ['reader R1', 'reader R2', 'reader R3', 'reader R4'],
      title: 'F1 scores per reader',
      scale: 'Blues',
    },
  ],
  settings: { tile: 512, confidence: 0.5, iou: 0.5 },
  declared: {
    settings: { tile: 128, confidence: 0.6, iou: 0.4 },
    script: 'code/pdl1_detection/nuclei_test_set_inference.py',
  },
  detected: 'Nuclei were detected',
} as const satisfies CellTaskDefinition;

/**
 * PD-L1 detection. Each image was annotated at one of two hospitals.
 *
 * @see code/pdl1_detection/pdl1_test_set_inference.py of https://github.com/DIAGNijmegen/ignite-data-toolkit
 */
export const PDL1 = {
  kind: 'cells',
  name: 'pdl1',
  folder: 'pdl1/pdl1',
  stain: 'immunohistochemistry',
  checkpoint: 'pdl1_detection_weights.pt',
  readersFile: 'pdl1_test_set_all_readers.json',
  classes: ['pd-l1 negative tumor cell', 'pd-l1 positive tumor cell', 'non-tumor cell'],
  classOfName,
  hitRadius: 20,
  groups: [
    {
      name: 'RUMC',
      readers: ['reader P1', 'reader P2', 'reader P3'],
      title: 'F1 scores per reader (RUMC)',
      scale: 'Blues',
    },
    {
      name: 'SCDC',
      readers: ['reader P4', 'reader P5', 'reader P6'],
      title: 'F1 scores per reader (SCDC)',
      scale: 'Reds',
    },
  ],
  settings: { tile: 512, confidence: 0.5, iou: 0.6 },
  tumourProportion: { positive: 'pd-l1 positive tumor cell', negative: 'pd-l1 negative tumor cell' },
  detected: 'PD-L1 positive and negative tumour cells and other cells were detected',
} as const satisfies CellTaskDefinition;

function classOfName(name: string): number | undefined {
  const words = name.replaceAll('tumour', 'tumor');
  if (/\b(non|not|no)[-_ ]?tumor|\bother\b/.test(words)) return 2;
  const [isNegative, isPositive] = [/\bneg/.test(words), /\bpos/.test(words)];
  if (isNegative === isPositive) return undefined;
  return isNegative ? 0 : 1;
}

const TISSUE: { readonly [T in TissueTask]: TissueTaskDefinition } = { he: HE };
const CELLS: { readonly [T in CellTask]: CellTaskDefinition } = { nuclei: NUCLEI, pdl1: PDL1 };

/** The definitions of all tasks, by their names in config/tasks.ts. */
const DEFINITIONS: { readonly [T in Task]: TissueTaskDefinition | CellTaskDefinition } = { ...TISSUE, ...CELLS };

/** Returns the definition of a task of either kind. */
export function definitionOf(task: Task): TissueTaskDefinition | CellTaskDefinition {
  return DEFINITIONS[task];
}

/** Returns the definition of a tissue task. */
export function tissueDefinition(task: TissueTask): TissueTaskDefinition {
  return TISSUE[task];
}

/** Returns the definition of a cell task. */
export function cellDefinition(task: CellTask): CellTaskDefinition {
  return CELLS[task];
}

/** The settings of a task that concern detection. */
export type ChosenSettings = Pick<TaskSettings, 'tile' | 'confidence' | 'iou'>;

/** Returns the settings of a detector: those of the authors' code, unless the user set others. */
export function settingsInEffect(
  { settings }: Pick<CellTaskDefinition, 'settings'>,
  { tile, confidence, iou }: ChosenSettings,
): DetectionSettings {
  return {
    tile: tile ?? settings.tile,
    confidence: confidence ?? settings.confidence,
    iou: iou ?? settings.iou,
  };
}

/**
 * Describes what differs from the authors' settings, such as "confidence 0.4 (the paper's 0.5)"; undefined if nothing
 * does.
 */
export function changedSettings(
  definition: Pick<CellTaskDefinition, 'settings'>,
  chosen: ChosenSettings,
): string | undefined {
  const { tile, confidence, iou } = settingsInEffect(definition, chosen);
  const { settings: theirs } = definition;
  const changes = [
    ...(confidence === theirs.confidence ? [] : [`confidence ${confidence} (the paper's ${theirs.confidence})`]),
    ...(iou === theirs.iou ? [] : [`IoU threshold ${iou} (the paper's ${theirs.iou})`]),
    ...(tile === theirs.tile ? [] : [`tiles of ${tile} px (the paper's ${theirs.tile})`]),
  ];
  return changes.length === 0 ? undefined : changes.join(', ');
}
