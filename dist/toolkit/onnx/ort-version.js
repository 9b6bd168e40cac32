import * as ort from 'onnxruntime-node';
/** Version of the ONNX Runtime in use. */
export function ortVersion() {
    return ort.env.versions.node ?? ort.env.versions.common;
}
