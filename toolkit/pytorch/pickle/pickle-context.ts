import { ReigniteError } from '../../errors.ts';
import { isStorageClass, isTorchDType } from '../tensors/tensor.ts';
import type { PickleValue } from './value.ts';

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

/** Risk of an imported name: `known` is read as data, `inert` is kept as a name, `dangerous` can run code in Python. */
export type GlobalRisk = 'known' | 'inert' | 'dangerous';

/** A name that a pickle imports. */
export interface SeenGlobal {
  readonly module: string;
  readonly name: string;
  readonly verdict: GlobalRisk;
  /** Position of the opcode that first imports it, in bytes of `data.pkl` of a zip, else of the file. */
  readonly position: number;
}

/** Returns the key of a name, in the notation of protocol 0. */
export function describeGlobal(module: string, name: string): string {
  return `${module} ${name}`;
}

/** Names whose calls are read as data, and names that are only arguments of such calls. */
const KNOWN: ReadonlySet<string> = new Set([
  'collections OrderedDict',
  'collections defaultdict',
  '_codecs encode',
  ...['builtins', '__builtin__'].flatMap((module) =>
    ['set', 'frozenset', 'bytes', 'bytearray'].map((name) => `${module} ${name}`),
  ),
  'numpy dtype',
  'numpy ndarray',
  ...['numpy.core', 'numpy._core'].flatMap((module) => [
    `${module}.multiarray scalar`,
    `${module}.multiarray _reconstruct`,
    `${module}.numeric _frombuffer`,
  ]),
  'torch Size',
  'torch device',
  'torch Tensor',
  'torch.nn.parameter Parameter',
  'torch._utils _rebuild_tensor',
  'torch._utils _rebuild_tensor_v2',
  'torch._utils _rebuild_tensor_v3',
  'torch._utils _rebuild_parameter',
  'torch._utils _rebuild_parameter_with_state',
  'torch._tensor _rebuild_from_type_v2',
]);

/** Modules without any name that belongs in a checkpoint: processes, files, network, interpreter, loaders. */
const DANGEROUS_MODULES: ReadonlySet<string> = new Set([
  ...['os', 'posix', 'nt', 'posixpath', 'ntpath', 'subprocess', '_posixsubprocess', 'commands', 'popen2', 'pty', 'tty'],
  ...['sys', 'runpy', 'importlib', '_frozen_importlib', '_frozen_importlib_external', 'imp', '_imp', 'pkgutil'],
  ...['zipimport', 'site', 'code', 'codeop', 'inspect', 'gc', 'atexit', 'signal', 'marshal', 'pydoc', 'rlcompleter'],
  ...['pickle', '_pickle', 'cPickle', 'dill', 'cloudpickle', 'joblib', 'shelve', 'jsonpickle', 'sqlite3', 'dbm'],
  ...['socket', '_socket', 'socketserver', 'ssl', '_ssl', 'http', 'urllib', 'urllib2', 'urllib3', 'requests', 'httpx'],
  ...['aiohttp', 'ftplib', 'smtplib', 'telnetlib', 'poplib', 'imaplib', 'nntplib', 'xmlrpc', 'webbrowser'],
  ...['antigravity', 'paramiko', 'fabric', 'shutil', 'tempfile', 'fileinput', 'mmap', 'glob', 'tarfile', 'zipfile'],
  ...['ctypes', '_ctypes', 'cffi', '_cffi_backend', 'multiprocessing', '_multiprocessing', 'threading', '_thread'],
  ...['thread', 'asyncio', 'concurrent', 'sched', 'pdb', 'bdb', 'cProfile', 'profile', 'timeit', 'trace', 'doctest'],
  ...['unittest', 'idlelib', 'lib2to3', 'turtle', 'tkinter', 'readline', 'linecache', 'pip', 'setuptools', 'venv'],
  ...['pkg_resources', 'distutils', 'ensurepip', 'IPython', 'psutil', 'pexpect', 'plumbum', 'sh', 'numba', 'sympy'],
]);

/** Parts of libraries that load files, or compile or run code. A module includes its submodules. */
const DANGEROUS_SUBMODULES = [
  'numpy.testing',
  'numpy.f2py',
  'numpy.distutils',
  'numpy.lib.npyio',
  'numpy.ctypeslib',
  'logging.config',
  'torch.hub',
  'torch.serialization',
  'torch.package',
  'torch.jit',
  'torch.fx',
  'torch.utils.cpp_extension',
  'torch.utils.model_zoo',
  'torch.utils.collect_env',
  'torch.utils.bottleneck',
  'torch._dynamo',
  'torch._inductor',
  'torch.distributed.rpc',
  'torch.multiprocessing',
  'torch.testing',
  'pandas.io',
];

const DANGEROUS_NAMES: ReadonlySet<string> = new Set([
  ...['builtins', '__builtin__', '__builtins__'].flatMap((module) =>
    [
      ...['eval', 'exec', 'execfile', 'compile', '__import__', 'open', 'file', 'input', 'raw_input', 'breakpoint'],
      ...['getattr', 'setattr', 'delattr', 'globals', 'locals', 'vars', 'apply', 'reload', 'help', 'exit', 'quit'],
      ...['__build_class__', '__loader__', '__spec__', '__dict__'],
    ].map((name) => `${module} ${name}`),
  ),
  'torch load',
  'torch compile',
  'torch.storage _load_from_bytes',
  'numpy load',
  'numpy save',
  'numpy fromfile',
  'numpy memmap',
  'numpy loadtxt',
  'numpy genfromtxt',
  'pandas read_pickle',
  ...['CodeType', 'FunctionType', 'LambdaType', 'MethodType'].map((name) => `types ${name}`),
  ...['attrgetter', 'methodcaller'].flatMap((name) => [`operator ${name}`, `_operator ${name}`]),
  ...['open', 'open_code', 'FileIO', 'OpenWrapper'].flatMap((name) => [`io ${name}`, `_io ${name}`]),
  'copyreg add_extension',
  'copyreg pickle',
  'itertools starmap',
]);

/**
 * Classifies a name that a pickle imports, by the name alone. Nothing is imported.
 *
 * @returns `known` for names that are read as data, `dangerous` for names that can run code, `inert` for all others.
 * @example classifyGlobal('os', 'system') // 'dangerous'
 */
export function classifyGlobal(module: string, name: string): GlobalRisk {
  const key = describeGlobal(module, name);
  if (KNOWN.has(key) || (module.startsWith('torch') && (isStorageClass(module, name) || isTorchDType(module, name)))) {
    return 'known';
  }
  return isDangerous(module, name) ? 'dangerous' : 'inert';
}

function isDangerous(module: string, name: string): boolean {
  return isDangerousIn(module, name) || reachesFurther(module, name);
}

function isDangerousIn(module: string, name: string): boolean {
  const [root = ''] = module.split('.');
  if (DANGEROUS_MODULES.has(root) || DANGEROUS_NAMES.has(describeGlobal(module, name))) return true;
  return DANGEROUS_SUBMODULES.some((part) => module === part || module.startsWith(`${part}.`));
}

/** Names under which modules usually import libraries. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['np', 'numpy'],
  ['pd', 'pandas'],
]);

/**
 * Since protocol 4, a dotted name can reach from a harmless module into another one that it happens to import: in
 * `models.common`, `torch.hub.load` is the function of PyTorch.
 */
function reachesFurther(module: string, name: string): boolean {
  const parts = name.split('.');
  if (parts.some((part) => DANGEROUS_MODULES.has(part))) return true;
  if (parts.length === 1) return false;
  if (parts.some((part) => part.startsWith('__') || DANGEROUS_NAMES.has(`builtins ${part}`))) return true;
  const path = [...module.split('.'), ...parts];
  const last = path.at(-1) ?? '';
  return path.slice(0, -1).some((first, at) => {
    const [root, ...rest] = [ALIASES.get(first) ?? first, ...path.slice(at + 1, -1)];
    return isDangerousIn([root, ...rest].join('.'), last);
  });
}

/** Interprets a call as data; undefined if it has no special meaning and stays inert. */
export type ReduceHandler = (args: readonly PickleValue[], context: PickleContext) => PickleValue | undefined;

/** Handlers by the name of what is called, `module name`. */
export type InterpreterTable = Readonly<Record<string, ReduceHandler>>;
