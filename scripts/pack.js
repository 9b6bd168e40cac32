// Makes the npm package: compiles, bundles the workflows, packs, and checks what was packed.
// npm runs no `prepack` here, since .npmrc says `ignore-scripts`. Usage: npm run pack [-- --pack-destination DIR]
import { execFileSync } from 'node:child_process';
import { chmodSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBundled } from './build.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAX_BYTES = 15e6;

await ensureBundled();

const options = process.argv.slice(2);
makeReadable(npmPack('--dry-run').files.map(({ path }) => resolve(ROOT, path)));
const packed = npmPack(...options);
const destination = options.includes('--pack-destination') ? options[options.indexOf('--pack-destination') + 1] : ROOT;
const tarball = resolve(destination, packed.filename);
if (packed.size > MAX_BYTES) throw new Error(`${tarball} has ${packed.size} bytes; ${MAX_BYTES} are allowed.`);

check('publint', [tarball, '--strict']);
// CommonJS programs import the package with `await import('reignite')`.
check('attw', [tarball, '--profile', 'esm-only']);
process.stdout.write(`${tarball}\n`);

function npmPack(...args) {
  return JSON.parse(execFileSync('npm', ['pack', '--json', ...args], { cwd: ROOT, encoding: 'utf8' }))[0];
}

/**
 * Makes the files readable: npm keeps permissions, so after a checkout under a strict umask only the owner could read
 * them.
 */
function makeReadable(paths) {
  for (const path of paths) {
    const { mode } = statSync(path);
    chmodSync(path, mode | (mode & 0o100 ? 0o755 : 0o644));
  }
}

function check(name, args) {
  execFileSync('npx', ['--no', name, ...args], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
}
