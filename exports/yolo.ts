/**
 * Converts detectors of YOLOv5 and Ultralytics to ONNX, and applies non-maximum suppression like the paper's scripts.
 *
 * @example
 * import { convertDetector } from 'reignite/yolo';
 * await convertDetector({ checkpoint: 'best.pt', out: 'onnx/nuclei' });
 *
 * @module
 */
export { type ConvertDetectorOptions, convertDetector } from '../toolkit/yolo/convert/convert-detector.ts';
export { type NmsOptions, type NmsResult, nms } from '../toolkit/yolo/detect/nms.ts';
