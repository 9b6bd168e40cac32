/** ONNX Runtime puts the place in its sources and the broken condition before what went wrong. */
const PLACE = /^\/?onnxruntime_src\/.* was false\. /;

/** The same in the middle, with the signature of the function. */
const SIGNATURE = /\/onnxruntime_src\/\S+:\d+ [^()]*\([^()]*\) /;
/** The file is named already. */
const FILE = /^Load model from .* failed: ?/;

/** The first line of an error as a clause: without the place in ONNX Runtime's sources, and without its full stop. */
export function errorClause(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n')[0] ?? '')
    .replace(PLACE, '')
    .replace(FILE, '')
    .replace(SIGNATURE, '')
    .trim()
    .replace(/\.$/, '');
}
