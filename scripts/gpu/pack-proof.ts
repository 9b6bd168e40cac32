// Packs scripts/prove-gpu.ts for a GPU machine without network, Node.js or CUDA provider: the compiled sources, the
// packages they load, Node.js, and ONNX Runtime with a CUDA provider pruned to one GPU architecture. The machine needs
// a copy of the tracked files, an NVIDIA driver of version 580 or later and a Python 3 with PyTorch, whose CUDA
// libraries are used.
// Usage: npx tsx scripts/gpu/pack-proof.ts OUT --provider libonnxruntime_providers_cuda.so [--python PY] [--part-mb 38]
// PY must have zstandard. On the GPU machine, in the copy: `bash scripts/gpu/run-proof.sh OUT/part-*`.
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bindingFolder } from '../../toolkit/onnx/provider/cuda.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What the command and the script never load: other platforms, workers, slides, build tools. */
const LEFT_OUT = [
  'node_modules/onnxruntime-node/bin/napi-v6/darwin',
  'node_modules/onnxruntime-node/bin/napi-v6/win32',
  'node_modules/onnxruntime-node/bin/napi-v6/linux/arm64',
  'node_modules/@temporalio/core-bridge/releases',
  'node_modules/@temporalio/core-bridge/sdk-core',
  ...['ajv', 'terser', 'caniuse-lite', 'webpack', 'openseadragon', 'vega-lite', 'memfs'].map(
    (name) => `node_modules/${name}`,
  ),
  ...['@types', '@swc', '@aws-sdk', '@smithy', '@cornerstonejs', '@jsonjoy.com'].map((name) => `node_modules/${name}`),
];
const NOT_READ = /\.(?:map|md|d\.ts|d\.mts|d\.cts)$|DejaVu(?!Sans(?:-Bold|-Oblique|Mono)?\.ttf)\w*(?:-\w+)?\.ttf$/;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    provider: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    'part-mb': { type: 'string', default: '38' },
  },
});
const [out] = positionals;
if (out === undefined || values.provider === undefined) throw new Error('Name OUT and --provider.');
const folder = await mkdtemp(join(tmpdir(), 'reignite-proof-'));
try {
  const pieces = [await packSources(), await packNode(), await packRuntime(), await packProvider(values.provider)];
  await distribute(pieces, Number(values['part-mb']) * 1e6, out);
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Compiles the sources with prove-gpu.ts, and copies the production packages. */
async function packSources(): Promise<string> {
  const app = join(folder, 'reignite');
  const config = join(ROOT, 'tsconfig.proof.json');
  const include = [
    'client.ts',
    'worker.ts',
    'worker-process.ts',
    'cli',
    'runtime',
    'workflows',
    'activities',
    'toolkit',
    'config',
  ];
  const compilerOptions = { declaration: false, outDir: join(app, 'dist'), noCheck: true };
  await writeFile(
    config,
    JSON.stringify({
      extends: './tsconfig.build.json',
      compilerOptions,
      include: [...include, 'exports', 'scripts/prove-gpu.ts'],
    }),
  );
  try {
    run('npx', ['tsc', '-p', config]);
  } finally {
    await rm(config);
  }
  for (const path of ['bin', 'package.json', 'toolkit/report/page/static']) {
    await cp(join(ROOT, path), join(app, path), { recursive: true });
  }
  for (const path of productionPackages()) await copyPackage(path, app);
  run('tar', ['cf', 'sources.tar', 'reignite'], folder);
  return compress(join(folder, 'sources.tar'));
}

function productionPackages(): readonly string[] {
  const lines = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: ROOT, encoding: 'utf8' });
  const paths = lines.split('\n').flatMap((line) => (line.includes('node_modules') ? [line.slice(ROOT.length)] : []));
  // A package nested in another one is copied with it.
  return paths.filter((path) => path.lastIndexOf('node_modules/') === 0);
}

async function copyPackage(path: string, app: string): Promise<void> {
  const isKept = (file: string) =>
    !NOT_READ.test(file) &&
    !LEFT_OUT.some((left) => `${file}/`.startsWith(`${join(ROOT, left)}/`)) &&
    basename(file) !== 'libonnxruntime.so.1';
  if (isKept(join(ROOT, path))) await cp(join(ROOT, path), join(app, path), { recursive: true, filter: isKept });
}

async function packNode(): Promise<string> {
  const node = join(folder, 'node');
  await cp(process.execPath, node);
  run('strip', [node]);
  return compress(node);
}

async function packRuntime(): Promise<string> {
  const library = join(folder, 'libonnxruntime.so.1');
  await cp(join(bindingFolder(), basename(library)), library);
  return compress(library);
}

async function packProvider(provider: string): Promise<string> {
  const pruned = join(folder, basename(provider));
  run(values.python, [join(ROOT, 'scripts/gpu/prune_cuda_provider.py'), provider, pruned]);
  return compress(pruned);
}

function compress(path: string): string {
  run('xz', ['-6', '-T2', path]);
  return `${path}.xz`;
}

/** Puts each piece into the first part with enough room, and the small library into the first part. */
async function distribute(pieces: readonly string[], limit: number, target: string): Promise<void> {
  const sized = await Promise.all(pieces.map(async (path) => ({ path, bytes: (await stat(path)).size })));
  const parts: number[] = [];
  for (const { path, bytes } of sized.sort((a, b) => b.bytes - a.bytes)) {
    const found = parts.findIndex((used) => used + bytes <= limit);
    const part = found < 0 ? parts.push(0) - 1 : found;
    parts[part] = (parts[part] ?? 0) + bytes;
    await mkdir(join(target, `part-${part + 1}`), { recursive: true });
    await rename(path, join(target, `part-${part + 1}`, basename(path)));
  }
  const first = join(target, 'part-1');
  const shared = 'libonnxruntime_providers_shared.so';
  if (values.provider !== undefined) await cp(join(dirname(values.provider), shared), join(first, shared));
  for (const name of (await readdir(target)).sort()) console.log(name, (await readdir(join(target, name))).join(' '));
  console.log(parts.map((bytes, index) => `part-${index + 1}: ${(bytes / 1e6).toFixed(1)} MB`).join(', '));
}

function run(command: string, args: readonly string[], cwd = ROOT): void {
  execFileSync(command, [...args], { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
}
