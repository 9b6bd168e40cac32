import type { CellTaskDefinition } from './definition.ts';

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
