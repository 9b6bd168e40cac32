// Compiles the sources into dist/. In a checkout, the command does this itself when a source has changed, which makes a
// manual build step unnecessary. An installed package contains dist/ but not scripts/.
// Usage: node scripts/build.js
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.sources.json');
const FOLDERS = ['cli', 'runtime', 'workflows', 'activities', 'toolkit', 'config', 'exports'];
const FILES = ['client.ts', 'worker.ts', 'worker-process.ts', 'tsconfig.json', 'tsconfig.build.json'];

/** Compiles if a source was added, changed or removed; otherwise only checks sizes and times. */
export function ensureBuilt() {
  const sources = describeSources();
  if (readStamp() === sources) return;
  build(sources);
}

function readStamp() {
  return existsSync(STAMP) ? readFileSync(STAMP, 'utf8') : undefined;
}

/** Compiles, and bundles the workflows: otherwise each of the first workers would do so at the same time. */
export async function ensureBundled() {
  ensureBuilt();
  const { workflowBundle } = await import('../dist/runtime/workers/workflow-bundle.js');
  await workflowBundle();
}

/** Lists path, size and time of every source file, from which changes are detected. */
function describeSources() {
  const found = FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name))),
  );
  const lines = [...FILES, ...found.sort()].map((path) => {
    const { size, mtimeMs } = statSync(join(ROOT, path));
    return `${path} ${size} ${mtimeMs}`;
  });
  return `${lines.join('\n')}\n`;
}

/** Types are checked by `npm test`, not here. */
function build(sources) {
  // Processes of two containers may have the same PID.
  const fresh = join(ROOT, `.dist-${process.pid}-${randomBytes(3).toString('hex')}`);
  try {
    // Before the compiler would fail at each of its files.
    mkdirSync(fresh);
    const tsc = createRequire(import.meta.url).resolve('typescript/package.json');
    const compiler = join(dirname(tsc), 'bin/tsc');
    const args = [compiler, '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', fresh, '--noCheck'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) throw notCompiled(stdout, stderr);
    replaceFiles(fresh);
    writeFileSync(join(fresh, '.sources.json'), sources);
    renameSync(join(fresh, '.sources.json'), STAMP);
  } catch (error) {
    throw error.syscall === undefined ? error : notWritten(error.code, error.dest ?? error.path, error);
  } finally {
    remove(fresh);
  }
}

/** Removes a folder if possible: an error here would hide the one that stopped the build. */
function remove(folder) {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {}
}

/** The reason why nothing can be compiled, as the command prints its errors. */
export class BuildError extends Error {
  constructor(code, message, remedy, cause) {
    super(message, { cause });
    this.code = code;
    this.remedy = remedy;
  }
}

/** Returns the error of the compiler's output: it also fails if it cannot write a file (TS5033). */
function notCompiled(stdout, stderr) {
  const [, path, reason] = /TS5033: Could not write file '(.+?)': .*: (.+)\./.exec(stdout) ?? [];
  const cause = new Error(`The sources do not compile:\n${stdout}${stderr}`);
  return reason === undefined ? cause : notWritten(reason, path, cause);
}

/**
 * Returns the error of a file that cannot be written.
 *
 * @param reason - The system's code, such as EACCES, or its words.
 */
function notWritten(reason, path, cause) {
  const isFull = /ENOSPC|EDQUOT|no space|quota/i.test(reason);
  return new BuildError(
    isFull ? 'NO_SPACE' : 'NOT_WRITABLE',
    `The sources in ${ROOT} must be compiled, but ${path} cannot be written (${reason}).`,
    isFull
      ? 'Free space on its disk, then run the same command again.'
      : 'As the owner of this folder and its dist/, run `npx reignite --help` in it once, or delete dist/. Then run the same command again.',
    cause,
  );
}

/** Moves each compiled file into dist/ by a rename, so that a running process never reads half a file. */
function replaceFiles(fresh) {
  const isFile = (entry) => entry.isFile();
  const list = (folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(isFile)
      .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)));
  const compiled = list(fresh);
  for (const path of compiled) {
    mkdirSync(dirname(join(DIST, path)), { recursive: true });
    renameSync(join(fresh, path), join(DIST, path));
  }
  const current = new Set(compiled);
  for (const path of list(DIST)) {
    if (/\.(js|d\.ts)$/.test(path) && !path.startsWith('workflow-bundle') && !current.has(path)) {
      rmSync(join(DIST, path), { force: true });
    }
  }
}

// Vitest runs the export of this name once before all tests.
export { ensureBundled as setup };

if (process.argv[1] === fileURLToPath(import.meta.url)) ensureBuilt();
