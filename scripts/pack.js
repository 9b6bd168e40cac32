// Makes the npm package: compiles, bundles the workflows, packs, and checks what was packed.
// npm runs no `prepack` here, since .npmrc says `ignore-scripts`. Usage: npm run pack [-- --pack-destination DIR]
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './build.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAX_BYTES = 15e6;

ensureBuilt();
const { workflowBundle } = await import('../dist/cli/workflow-bundle.js');
await workflowBundle();

const options = process.argv.slice(2);
const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', ...options], { cwd: ROOT, encoding: 'utf8' }));
const destination = options.includes('--pack-destination') ? options[options.indexOf('--pack-destination') + 1] : ROOT;
const tarball = resolve(destination, packed.filename);
if (packed.size > MAX_BYTES) throw new Error(`${tarball} has ${packed.size} bytes; ${MAX_BYTES} are allowed.`);

check('publint', [tarball, '--strict']);
// CommonJS programs import the package with `await import('reignite')`.
check('attw', [tarball, '--profile', 'esm-only']);
process.stdout.write(`${tarball}\n`);

function check(name, args) {
  execFileSync('npx', ['--no', name, ...args], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
}
