/** Location in ONNX Runtime's sources and failed condition, which precede the actual message. */
const PLACE = /^\/?onnxruntime_src\/.* was false\. /;

/** The same in the middle of a message, with the signature of the function. */
const SIGNATURE = /\/onnxruntime_src\/\S+:\d+ [^()]*\([^()]*\) /;
/** Our own message already names the file. */
const FILE = /^Load model from .* failed: ?/;

/** Returns the first line of an error as a clause: without the location in ONNX Runtime's sources and without its full stop. */
export function errorClause(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n')[0] ?? '')
    .replace(PLACE, '')
    .replace(FILE, '')
    .replace(SIGNATURE, '')
    .trim()
    .replace(/\.$/, '');
}
