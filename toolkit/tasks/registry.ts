import type { CellTask, Task, TissueTask } from '../../config/tasks.ts';
import type { CellTaskDefinition, TissueTaskDefinition } from './definition.ts';

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
