import { ReigniteError } from '../../errors.ts';
import { classifyGlobal, describeGlobal, type SeenGlobal } from './global-verdict.ts';

/**
 * Limits of what a pickle may use. Generous for checkpoints (a large one has 200 kB and 30,000 objects), but low enough
 * that a hostile file cannot exhaust the memory. A file that exceeds one is CHECKPOINT_UNSUPPORTED.
 */
export const LIMITS = {
  /** Total bytes of all pickles of a file. */
  pickleBytes: 64 * 2 ** 20,
  /** Bytes created from values that were already read, such as arrays. Because of sharing, a small file can request many. */
  derivedBytes: 64 * 2 ** 20,
  /** Lists, dicts, tuples, objects, strings and so on. */
  objects: 1_000_000,
  /** Values on the stack, marks, and memo entries (this many of each). */
  slots: 1_000_000,
  /** Levels of nested containers. */
  depth: 1_000,
  /** Bytes of one integer. */
  integerBytes: 1_024,
  /** Axes of a tensor or an array. */
  axes: 64,
  /** Entries of a zip. */
  zipEntries: 100_000,
} as const;

/** State shared by all pickles of a file: its name for messages, the names they import, and how much they have used. */
export class PickleContext {
  /** The file and, for an archive, the entry. */
  readonly file: string;
  readonly #inspect: boolean;
  readonly #onGlobal: (seen: SeenGlobal) => void;
  readonly #globals = new Map<string, SeenGlobal>();
  #objects = 0;
  #derivedBytes = 0;

  /**
   * @param inspect - Whether to record names that could run code instead of refusing them.
   * @param onGlobal - Called when a name is first imported, and again if another use of it is dangerous.
   */
  constructor(file: string, inspect: boolean, onGlobal: (seen: SeenGlobal) => void = () => undefined) {
    this.file = file;
    this.#inspect = inspect;
    this.#onGlobal = onGlobal;
  }

  /** Every imported name, once, in the order of appearance. */
  get globals(): readonly SeenGlobal[] {
    return [...this.#globals.values()];
  }

  /**
   * Records an imported name.
   *
   * @param verdict - Risk of this use of the name; the highest one counts.
   * @throws ReigniteError CHECKPOINT_UNSAFE for a name that could run code, unless inspecting.
   */
  recordGlobal(module: string, name: string, position: number, verdict = classifyGlobal(module, name)): void {
    const key = describeGlobal(module, name);
    const known = this.#globals.get(key);
    if (known !== undefined && (known.verdict === 'dangerous' || verdict !== 'dangerous')) return;
    const seen = { module, name, verdict, position };
    this.#globals.set(key, seen);
    this.#onGlobal(seen);
    if (verdict !== 'dangerous' || this.#inspect) return;
    throw new ReigniteError(
      'CHECKPOINT_UNSAFE',
      `${this.file} imports ${module}.${name} at byte ${position}, which would run its author's code when Python loads it.`,
    );
  }

  /** Counts values before they are created. */
  chargeObjects(count: number): void {
    this.#objects += count;
    if (this.#objects > LIMITS.objects) throw this.unsupported(`it holds more than ${LIMITS.objects} objects`);
  }

  /** Counts bytes before they are created from values already read. */
  chargeBytes(count: number): void {
    this.#derivedBytes += count;
    if (this.#derivedBytes > LIMITS.derivedBytes) {
      throw this.unsupported(`its arrays and texts take more than ${LIMITS.derivedBytes} bytes`);
    }
  }

  /** Creates the error for a file that no program writes like this. */
  corrupt(reason: string, cause?: unknown): ReigniteError {
    return new ReigniteError('CHECKPOINT_CORRUPT', `${this.file} is damaged, or not a checkpoint: ${reason}.`, {
      cause,
    });
  }

  /** Creates the error for a file that may be intact but is not supported. */
  unsupported(reason: string, remedy?: string): ReigniteError {
    const options = remedy === undefined ? {} : { remedy };
    return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${this.file} cannot be read: ${reason}.`, options);
  }
}
