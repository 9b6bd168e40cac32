/**
 * Converts nnU-Net 2D models of version 1 or 2 to ONNX.
 *
 * @example
 * import { convertModel } from 'reignite/nnunet';
 * await convertModel({ folder: 'models/he', out: 'onnx/he' });
 *
 * @module
 */
export { type ConvertModelOptions, convertModel } from '../toolkit/nnunet/convert/convert-model.ts';
export { type NnunetPlans, parsePlans } from '../toolkit/nnunet/v1/plans.ts';
