import type { CellTaskDefinition } from './definition.ts';

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
