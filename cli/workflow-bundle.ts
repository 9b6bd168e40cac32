import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import { sha256Of } from '../toolkit/files/hash-file.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';

const WORKFLOWS = fileURLToPath(new URL('../workflows', import.meta.url));
const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
/** What workflows import beside each other. */
const SHARED = ['../config/task-queues.ts', '../config/tasks.ts'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/**
 * Digest of the workflows' source and of the SDK: an open run that began with another one may not replay.
 *
 * @returns 16 hex digits.
 */
export async function workflowDigest(): Promise<string> {
  const names = (await readdir(WORKFLOWS)).filter((name) => name.endsWith('.ts')).sort();
  const sources = await Promise.all([...names.map((name) => join(WORKFLOWS, name)), ...SHARED].map((p) => readFile(p)));
  const sdk: unknown = createRequire(import.meta.url)('@temporalio/workflow/package.json');
  const version = typeof sdk === 'object' && sdk !== null && 'version' in sdk ? String(sdk.version) : '';
  return sha256Of(`${version}\n${sources.map((source) => sha256Of(source)).join('\n')}`).slice(0, 16);
}

/** Path of the workflows' code as a worker loads it; built once for every digest. */
export async function workflowBundle(home: HomeFolders): Promise<string> {
  const path = join(home.bundles, `${await workflowDigest()}.js`);
  const known = await readFile(path, 'utf8').catch(() => undefined);
  if (known !== undefined) return path;
  // Loaded only to build: the worker's native part is large, and the command line needs nothing but the digest.
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(WORKFLOWS, 'index.ts'),
    webpackConfigHook: (config) => ({
      ...config,
      module: { ...config.module, rules: (config.module?.rules ?? []).map(withOurs) },
    }),
  });
  await writeFileAtomic(path, code);
  return path;
}

/** Installed as a package, our own TypeScript lies below node_modules, which the SDK's rule leaves out. */
function withOurs<Rule>(rule: Rule): Rule {
  const isRule = typeof rule === 'object' && rule !== null && 'exclude' in rule;
  return isRule ? { ...rule, exclude: isForeign } : rule;
}

/** Whether a file belongs to a package that we use. */
function isForeign(path: string): boolean {
  const own = path.startsWith(PACKAGE) ? path.slice(PACKAGE.length) : path;
  return /[\\/]node_modules[\\/]/.test(`/${own}`);
}
