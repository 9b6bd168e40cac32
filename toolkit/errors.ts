/** The properties of an error code. */
interface ErrorKind {
  /** Whether another attempt may succeed without the user's help. */
  readonly retryable: boolean;
  /** What the user can do about it, in one sentence. */
  readonly remedy: string;
}

/**
 * All errors of reignite. Codes are part of the public interface: documented, tested, never reused. The remedy is a
 * default, which the code that throws may replace.
 */
export const ERRORS = {
  USAGE: {
    retryable: false,
    remedy: 'Run `npx reignite --help` for the commands, or `npx reignite COMMAND --help` for the options of one.',
  },
  CONFIG_INVALID: {
    retryable: false,
    remedy: 'Run `npx reignite config --schema` to list all fields and their allowed values.',
  },
  RUN_NOT_FOUND: { retryable: false, remedy: 'Run `npx reignite list` to list the runs.' },
  RUN_OPEN: {
    retryable: false,
    remedy: 'Run `npx reignite cancel RUN` first, or the same command without `--fresh` to resume it.',
  },
  VERDICT_CHANGED: {
    retryable: false,
    remedy:
      'Compare this run with the previous one, for example with `npx reignite compare`; each has its own folder in the results folder.',
  },
  RESULTS_IN_USE: {
    retryable: false,
    remedy: 'Wait for that run, cancel it, or use another folder with `--results DIR`.',
  },
  PREDICTION_CONFLICT: {
    retryable: false,
    remedy: 'Name another folder with `--out`, or delete the existing one if you no longer need it.',
  },
  NOT_COMPARABLE: {
    retryable: false,
    remedy:
      'Name two runs, two results folders, or two folders that `evaluate` or `predict` wrote, of the same images and task.',
  },
  HOME_IN_USE: { retryable: true, remedy: 'Wait for the other command, or set REIGNITE_HOME to another folder.' },
  WORKER_UNSUITABLE: {
    retryable: true,
    remedy:
      'Start an inference worker on a machine with the provider of the run, or cancel the run and start it again.',
  },
  FOLDER_UNAVAILABLE: {
    retryable: true,
    remedy:
      'Share data folder, results folder and state directory with every machine of the run, under the same paths.',
  },
  PATH_TRAVERSAL: {
    retryable: false,
    remedy: 'Use a path inside the data folder, the results folder or the state directory of the run.',
  },
  PATH_NOT_ALLOWED: {
    retryable: false,
    remedy:
      'Start the run from the same state directory, or the worker with `--data`, `--results` and the `--set` of the run.',
  },
  ADDRESS_NOT_ALLOWED: {
    retryable: false,
    remedy:
      'Start the run from the same state directory, or the worker with the same `--set zenodo.api=` and `--set storage=`.',
  },
  CANCELLED: { retryable: false, remedy: 'Run the same command again to resume.' },
  NODE_TOO_OLD: { retryable: false, remedy: 'Install Node.js 20.19 or newer from https://nodejs.org.' },
  INTERNAL: { retryable: true, remedy: 'Run the command again with `--debug` and report the output.' },

  TEMPORAL_BINARY_NOT_FOUND: {
    retryable: false,
    remedy: 'Install the Temporal CLI and set TEMPORAL_CLI_PATH to it, or set TEMPORAL_ADDRESS to a running server.',
  },
  TEMPORAL_START_FAILED: { retryable: true, remedy: 'Check the server log named in the message, then try again.' },
  TEMPORAL_UNREACHABLE: {
    retryable: true,
    remedy:
      'Check the server and the TEMPORAL_ variables that name it and its namespace, or unset them to use the embedded server.',
  },
  WORKER_LOST: {
    retryable: true,
    remedy: 'Check the worker log named in the message, then run the same command again to resume.',
  },

  WORKER_VERSION: {
    retryable: false,
    remedy:
      'Use the same version everywhere, or give the new version its own `--set temporal.taskQueuePrefix=` until the old workers have ended.',
  },
  DOWNLOADER_ALREADY_RUNNING: {
    retryable: false,
    remedy: 'Use that worker, or stop it first: Zenodo limits the number of connections.',
  },
  RECORD_NOT_FOUND: { retryable: false, remedy: 'Check the record number and `zenodo.api`.' },
  RECORD_INVALID: { retryable: false, remedy: 'Check that `zenodo.api` is the API of a Zenodo-like server.' },
  RECORD_EMPTY: {
    retryable: false,
    remedy: 'Open the record in a browser: another version may have files.',
  },
  FILE_NOT_IN_RECORD: { retryable: false, remedy: 'Check that the record is a version of the IGNITE data toolkit.' },
  NETWORK: {
    retryable: true,
    remedy: 'Check the connection and proxy settings; a run or download resumes by itself.',
  },
  RATE_LIMITED: {
    retryable: true,
    remedy: 'A run or download waits for as long as the server asked, then continues; repeat other commands later.',
  },
  ACCESS_DENIED: {
    retryable: false,
    remedy: 'Check whether the record is public, and whether the server blocks this network or User-Agent.',
  },
  CHECKSUM_MISMATCH: {
    retryable: false,
    remedy:
      'The mismatching file was kept. Try again later. If it happens again, report it to the publisher of the file.',
  },
  FILE_LOCKED: {
    retryable: true,
    remedy: 'No action needed: the download continues when the other process finishes or exits.',
  },
  NO_SPACE: {
    retryable: false,
    remedy: 'Free disk space, or name a folder on another disk, then run the command again.',
  },
  FILESYSTEM_UNSUITABLE: {
    retryable: false,
    remedy: 'Use a local disk or a network file system; object storage mounted as a folder does not support locks.',
  },
  STORAGE_UNAVAILABLE: {
    retryable: true,
    remedy: 'Check AWS_ENDPOINT_URL_S3 and that the storage answers; the run resumes by itself when it does.',
  },
  STORAGE_REFUSED: {
    retryable: true,
    remedy: 'Check the bucket, AWS_REGION, AWS_ENDPOINT_URL_S3 and the credentials that this machine has.',
  },
  STORAGE_MISSING: {
    retryable: true,
    remedy: 'Start the run and all its workers with the same `--set storage=`.',
  },
  STORAGE_DAMAGED: {
    retryable: false,
    remedy: 'Remove the object that the message names, then run the same command again.',
  },
  STORAGE_UNSUITABLE: {
    retryable: false,
    remedy:
      'Use a server that honours `If-None-Match: *` on PUT, such as Amazon S3 or a recent version of MinIO or Ceph.',
  },
  NOT_WRITABLE: { retryable: false, remedy: 'Make the folder writable, or choose another one.' },
  NOT_READABLE: { retryable: false, remedy: 'Make the file readable for this user, or choose another one.' },
  NAME_TOO_LONG: { retryable: false, remedy: 'Choose a shorter name; most file systems allow 255 bytes per name.' },
  FILE_DAMAGED: {
    retryable: false,
    remedy: 'Delete the file and run the same command again, which rewrites it.',
  },
  FILE_MISSING: {
    retryable: false,
    remedy:
      'Check the path. A missing file of the record is downloaded again by `npx reignite download --profile NAME`; a run ' +
      'without the files of a task needs `--tasks` with the other tasks.',
  },

  ARCHIVE_UNSAFE: { retryable: false, remedy: 'Do not unpack this archive; download it again from the publisher.' },
  ARCHIVE_CORRUPT: { retryable: false, remedy: 'Delete the archive and download it again.' },

  CHECKPOINT_CORRUPT: { retryable: false, remedy: 'Download the checkpoint again and compare its checksum.' },
  CHECKPOINT_UNSAFE: {
    retryable: false,
    remedy: 'Do not load this file. Ask its author for a file that contains only tensors, or use another model.',
  },
  CHECKPOINT_UNSUPPORTED: {
    retryable: false,
    remedy: 'Export the model to ONNX with the software that trained it, and use the ONNX file.',
  },
  PLANS_INVALID: { retryable: false, remedy: 'Check that the folder contains an nnU-Net 2D model with its plans.' },
  PARAMETER_UNKNOWN: {
    retryable: false,
    remedy:
      'Check that the checkpoint and its plans belong together, and that it is a 2D network that docs/custom-models.md lists.',
  },
  PARAMETER_MISSING: { retryable: false, remedy: 'Check that the checkpoint and its plans belong together.' },
  FOLD_MISSING: {
    retryable: false,
    remedy: 'Copy or download the missing fold, or choose among the existing folds with `--folds` or `he.folds`.',
  },

  OVERVIEW_INVALID: { retryable: false, remedy: 'Correct the file, or download data_overview.csv again.' },
  LABEL_MAP_INVALID: {
    retryable: false,
    remedy: 'Correct the file: a JSON object of names with the pixel values of masks, each name and each value once.',
  },
  ANNOTATIONS_INVALID: {
    retryable: false,
    remedy: 'Correct the file, or download the annotations of this task again.',
  },
  IMAGE_UNREADABLE: { retryable: false, remedy: 'Open the image in a viewer; if it is damaged, download it again.' },
  SCALE_UNKNOWN: {
    retryable: false,
    remedy:
      'Give the pixel size of the largest level in µm with `--mpp`, usually about 0.25 for 40x and 0.5 for 20x. ' +
      'Or name the level with `--level`.',
  },
  NO_TISSUE: {
    retryable: false,
    remedy: 'Look at `tissue/NAME.overview.png` in the output folder; `--everywhere` predicts the whole slide.',
  },
  SIZE_MISMATCH: { retryable: false, remedy: 'Use an image and masks of the same ROI and of the same size.' },
  ROI_WITHOUT_PAIR: {
    retryable: false,
    remedy: 'Provide one file per ROI of the test set, named as in the record.',
  },
  NPY_INVALID: {
    retryable: false,
    remedy: 'Correct the array, then save it with `numpy.save(path, numpy.ascontiguousarray(array, "float32"))`.',
  },

  PROVIDER_UNAVAILABLE: {
    retryable: false,
    remedy:
      'Use the CPU with `--provider cpu` (predict) or `--set inference.provider=cpu` (run), or run `npx reignite doctor` to see what is missing.',
  },
  ENGINE_UNSUPPORTED: {
    retryable: false,
    remedy: 'Use `--set inference.engine=exact`, or `--engine exact` with `predict`.',
  },
  SIDECAR_INVALID: {
    retryable: false,
    remedy: 'Describe the model in the JSON file next to it, as docs/custom-models.md shows.',
  },
  MODEL_UNREADABLE: {
    retryable: false,
    remedy:
      'Run `npx reignite clean models`, then the same command again; if that fails, export or download your model again.',
  },
  ROI_SKIPPED: { retryable: false, remedy: 'Run `npx reignite retry` to include the ROI again.' },
  ROI_SET_ASIDE: {
    retryable: false,
    remedy: 'Check the log of the inference worker and its memory, then run `npx reignite retry`.',
  },
  INFERENCE_FAILED: {
    retryable: true,
    remedy: 'Check the model and the image, and in a run the worker log; a run retries the ROI from its last tile row.',
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** Returns whether a text from outside, such as a history or another process, is one of our codes. */
export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(ERRORS, text);
}

export interface ReigniteErrorOptions extends ErrorOptions {
  /** Replaces the default remedy of the code. */
  readonly remedy?: string;
  /** How long to wait before the next attempt, in ms, if the cause says so. */
  readonly retryAfterMs?: number;
  /** Replaces the default of the code: on a full disk, an activity may wait or give up. */
  readonly retryable?: boolean;
}

/** An error that the user can act on: what happened, and what to do about it. */
export class ReigniteError extends Error {
  override readonly name = 'ReigniteError';
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly retryAfterMs: number | undefined;
  readonly retryable: boolean;

  /**
   * @param code - Stable name of the error.
   * @param cause - One sentence that names the affected file, value or server.
   */
  constructor(code: ErrorCode, cause: string, options: ReigniteErrorOptions = {}) {
    super(cause, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy ?? ERRORS[code].remedy;
    this.retryAfterMs = options.retryAfterMs;
    this.retryable = options.retryable ?? ERRORS[code].retryable;
  }
}

/** Returns the default remedy of an error code. */
export function remedyOf(code: string): string {
  return isErrorCode(code) ? ERRORS[code].remedy : ERRORS.INTERNAL.remedy;
}
