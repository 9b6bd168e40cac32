import type { TissueTaskDefinition } from './definition.ts';

/** H&E tissue segmentation. @see code/he_segmentation of https://github.com/DIAGNijmegen/ignite-data-toolkit */
export const HE = {
  kind: 'tissue',
  name: 'he',
  folder: 'he',
  stain: 'H&E',
  modelFolder: 'nnUNetTrainerV2_BN_pathology_DA_ignore0_hed005__nnUNet_RGB_scaleTo_0_1_bs8_ps512',
} as const satisfies TissueTaskDefinition;
