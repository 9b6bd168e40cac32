/**
 * Converts nnU-Net v1 2D models to ONNX.
 *
 * @module
 */
export { type ConvertModelOptions, convertModel } from '../toolkit/nnunet/convert/convert-model.ts';
export { type NnunetPlans, parsePlans } from '../toolkit/nnunet/convert/plans.ts';
