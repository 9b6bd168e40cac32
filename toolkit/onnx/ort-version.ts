import * as ort from 'onnxruntime-node';

/** Version of the ONNX Runtime in use. */
export function ortVersion(): string {
  return ort.env.versions.node ?? ort.env.versions.common;
}
