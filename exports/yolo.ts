/**
 * Converts YOLOv5 detectors to ONNX, and filters their boxes as the authors of YOLOv5 do.
 *
 * @example
 * import { convertDetector } from 'reignite/yolo';
 * await convertDetector({ checkpoint: 'best.pt', out: 'onnx/nuclei' });
 *
 * @module
 */
export { type ConvertDetectorOptions, convertDetector } from '../toolkit/yolo/convert/convert-detector.ts';
export { type NmsOptions, type NmsResult, nms } from '../toolkit/yolo/detect/nms.ts';
