/** What is known of an error before it happens. */
interface ErrorKind {
  /** Whether another attempt, without anybody's help, may succeed. */
  readonly retryable: boolean;
  /** One sentence: what a person can do about it. */
  readonly remedy: string;
}

/**
 * Every error of reignite. Codes are part of the user's contract: documented, tested, never reused.
 * The remedy is the usual one; the place that throws may know a better.
 */
export const ERRORS = {
  USAGE: { retryable: false, remedy: 'Run `npx reignite --help` for the commands and their options.' },
  CONFIG_INVALID: {
    retryable: false,
    remedy: 'Run `npx reignite config --schema` for every field and what it allows.',
  },
  RUN_NOT_FOUND: { retryable: false, remedy: 'Run `npx reignite list` for the runs of this home.' },
  RUN_OPEN: {
    retryable: false,
    remedy: 'Run `npx reignite cancel` first, or the same command without `--fresh` to go on with it.',
  },
  RESULTS_IN_USE: {
    retryable: false,
    remedy: 'Wait for that run or cancel it, or give this run another folder with `--results DIR`.',
  },
  PREDICTION_CONFLICT: {
    retryable: false,
    remedy: 'Name another folder with `--out`, or delete that one if it is not needed.',
  },
  HOME_IN_USE: { retryable: true, remedy: 'Wait for the other command, or set REIGNITE_HOME to another folder.' },
  FOLDER_UNAVAILABLE: {
    retryable: true,
    remedy: 'Share data, results and home with every machine that works on the run, under the same paths.',
  },
  PATH_TRAVERSAL: {
    retryable: false,
    remedy: 'Use a path inside the data, results or home folder of the run.',
  },
  PATH_NOT_ALLOWED: {
    retryable: false,
    remedy:
      'Start the run with a command of the same home, or start the worker with `--data` and `--results` for its folders.',
  },
  ADDRESS_NOT_ALLOWED: {
    retryable: false,
    remedy: 'Start the run with a command of the same home, or start the worker with the same `--set zenodo.api=`.',
  },
  CANCELLED: { retryable: false, remedy: 'Type the same command again: it goes on from what is there.' },
  NODE_TOO_OLD: { retryable: false, remedy: 'Install Node.js 20.19 or newer from https://nodejs.org.' },
  INTERNAL: { retryable: true, remedy: 'Run the command again with `--debug` and report what it prints.' },

  TEMPORAL_BINARY_NOT_FOUND: {
    retryable: false,
    remedy: 'Install the Temporal CLI and set TEMPORAL_CLI_PATH to it, or set TEMPORAL_ADDRESS to a running server.',
  },
  TEMPORAL_START_FAILED: { retryable: true, remedy: 'Read the server log that the message names, then try again.' },
  TEMPORAL_UNREACHABLE: {
    retryable: true,
    remedy: 'Check TEMPORAL_ADDRESS and that the server answers, or unset it to use the embedded server.',
  },
  WORKER_LOST: { retryable: true, remedy: 'Read the worker log that the message names; the run goes on where it was.' },

  DOWNLOADER_ALREADY_RUNNING: {
    retryable: false,
    remedy: 'Let that worker download, or end it first: two would open more connections than the archive allows.',
  },
  RECORD_NOT_FOUND: { retryable: false, remedy: 'Check the record number and `zenodo.api`.' },
  RECORD_INVALID: { retryable: false, remedy: 'Check that `zenodo.api` is the API of a Zenodo-like server.' },
  RECORD_EMPTY: {
    retryable: false,
    remedy: 'Open the record in a browser and look whether this version has files; another version may have them.',
  },
  FILE_NOT_IN_RECORD: { retryable: false, remedy: 'Check that the record is a version of the IGNITE data toolkit.' },
  NETWORK: { retryable: true, remedy: 'Check the connection and the proxy settings; the download goes on by itself.' },
  RATE_LIMITED: { retryable: true, remedy: 'Nothing to do: the download waits as long as the server asks.' },
  ACCESS_DENIED: {
    retryable: false,
    remedy: 'Check whether the record is public and whether this network or User-Agent is blocked by the server.',
  },
  CHECKSUM_MISMATCH: {
    retryable: false,
    remedy: 'The evidence was kept beside the file; ask the publisher, or try again later.',
  },
  FILE_LOCKED: {
    retryable: true,
    remedy: 'Nothing to do: the file is taken over as soon as the other process has it, or has gone.',
  },
  NO_SPACE: { retryable: false, remedy: 'Free disk space or move the folder; then type the same command again.' },
  FILESYSTEM_UNSUITABLE: {
    retryable: false,
    remedy: 'Use a disk or a network file system: object storage mounted as a folder cannot keep processes apart.',
  },
  NOT_WRITABLE: { retryable: false, remedy: 'Make the folder writable, or choose another one.' },
  NOT_READABLE: { retryable: false, remedy: 'Make the file readable for this user, or choose another one.' },
  NAME_TOO_LONG: { retryable: false, remedy: 'Choose a shorter name; most file systems allow 255 bytes per name.' },
  FILE_MISSING: { retryable: false, remedy: 'Check the path, or fetch the record again with `npx reignite download`.' },

  ARCHIVE_UNSAFE: { retryable: false, remedy: 'Do not unpack this archive; fetch it again from the publisher.' },
  ARCHIVE_CORRUPT: { retryable: false, remedy: 'Delete the archive and fetch it again.' },

  CHECKPOINT_CORRUPT: { retryable: false, remedy: 'Fetch the checkpoint again and compare its checksum.' },
  CHECKPOINT_UNSAFE: { retryable: false, remedy: 'Do not load this file anywhere; ask its author for a clean one.' },
  CHECKPOINT_UNSUPPORTED: {
    retryable: false,
    remedy: 'Convert the model to ONNX with the tools it was made with, and give the ONNX file instead.',
  },
  PLANS_INVALID: { retryable: false, remedy: 'Check that the folder holds an nnU-Net 2D model with its plans.' },
  PARAMETER_UNKNOWN: {
    retryable: false,
    remedy: 'Check that the checkpoint and its plans belong together, and that it is a plain nnU-Net 2D U-Net.',
  },
  PARAMETER_MISSING: { retryable: false, remedy: 'Check that the checkpoint and its plans belong together.' },
  FOLD_MISSING: { retryable: false, remedy: 'Fetch the models again: all five folds are needed.' },

  OVERVIEW_INVALID: { retryable: false, remedy: 'Fetch data_overview.csv again.' },
  LABEL_MAP_INVALID: { retryable: false, remedy: 'Fetch he_label_map.json again.' },
  ANNOTATIONS_INVALID: { retryable: false, remedy: 'Fetch the annotations of this task again.' },
  IMAGE_UNREADABLE: { retryable: false, remedy: 'Open the image in a viewer; if it is damaged, fetch it again.' },
  SIZE_MISMATCH: { retryable: false, remedy: 'Use an image and masks of the same ROI and of the same size.' },
  ROI_WITHOUT_PAIR: {
    retryable: false,
    remedy: 'Give one file for every ROI of the test set, named as in the record.',
  },
  NPY_INVALID: {
    retryable: false,
    remedy: 'Write the file again with `numpy.save(path, numpy.ascontiguousarray(array, "float32"))`.',
  },

  PROVIDER_UNAVAILABLE: {
    retryable: false,
    remedy: 'Use `--set inference.provider=cpu`, or run `npx reignite doctor` to see what is missing.',
  },
  SIDECAR_INVALID: {
    retryable: false,
    remedy: 'Describe the model in the JSON file next to it, as docs/custom-models.md shows.',
  },
  MODEL_UNREADABLE: { retryable: false, remedy: 'Delete the converted model in the home folder; it is made again.' },
  ROI_SKIPPED: { retryable: false, remedy: 'Run `npx reignite retry` to take the ROI in again.' },
  ROI_SET_ASIDE: {
    retryable: false,
    remedy: 'Look at the memory of the inference worker and at its log; then run `npx reignite retry`.',
  },
  INFERENCE_FAILED: { retryable: true, remedy: 'Read the worker log; the ROI is tried again from its last tile row.' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** Whether a text that came from elsewhere, such as a history or another process, is one of our codes. */
export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(ERRORS, text);
}

export interface ReigniteErrorOptions extends ErrorOptions {
  /** Replaces the usual remedy of the code. */
  readonly remedy?: string;
  /** How long to wait before the next attempt, in ms, when the cause says so. */
  readonly retryAfterMs?: number;
  /** Replaces what the table says of the code: a full disk may be waited for, patience may have run out. */
  readonly retryable?: boolean;
}

/** An error that a person can act on: what happened, and what to do about it. */
export class ReigniteError extends Error {
  override readonly name = 'ReigniteError';
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly retryAfterMs: number | undefined;
  readonly retryable: boolean;

  /**
   * @param code - Stable name of the error.
   * @param cause - One sentence that names the file, the value or the server concerned.
   */
  constructor(code: ErrorCode, cause: string, options: ReigniteErrorOptions = {}) {
    super(cause, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy ?? ERRORS[code].remedy;
    this.retryAfterMs = options.retryAfterMs;
    this.retryable = options.retryable ?? ERRORS[code].retryable;
  }
}

/** The usual remedy of an error. */
export function remedyOf(code: string): string {
  return isErrorCode(code) ? ERRORS[code].remedy : ERRORS.INTERNAL.remedy;
}
