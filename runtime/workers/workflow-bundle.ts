import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { relative, sep } from 'node:path';
import type { BundleOptions } from '@temporalio/worker';
import { z } from 'zod';
import { compiledFile, PACKAGE_ROOT, packageFile } from '../../config/package-files.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { readTextIfThere } from '../../toolkit/files/file-access.ts';
import { sha256Of } from '../../toolkit/files/hash-file.ts';

const CODE = packageFile('dist/workflow-bundle.js');
const MANIFEST = packageFile('dist/workflow-bundle.json');

/** The inputs of a bundle. */
const Manifest = z.object({
  /** Version of `@temporalio/workflow`. */
  sdk: z.string(),
  /** SHA-256 of every compiled file of this package in the bundle, by its path in the package. */
  sources: z.record(z.string(), z.string()),
});
type Manifest = z.infer<typeof Manifest>;

/** The workflow code as loaded by a worker. */
export interface WorkflowBundle {
  readonly path: string;
  /** 16 hex digits over all inputs of the bundle. An open run that another bundle started may not replay. */
  readonly digest: string;
}

/**
 * Returns the bundle of the workflows, which the published package contains. In a checkout, it is rebuilt when a file
 * in it has changed.
 */
export async function workflowBundle(): Promise<WorkflowBundle> {
  const manifest = await readManifest();
  if (manifest !== undefined && (await isCurrent(manifest))) return { path: CODE, digest: digestOf(manifest) };
  return { path: CODE, digest: digestOf(await makeBundle()) };
}

async function readManifest(): Promise<Manifest | undefined> {
  const text = await readTextIfThere(MANIFEST);
  return text === undefined ? undefined : Manifest.parse(JSON.parse(text));
}

async function isCurrent({ sdk, sources }: Manifest): Promise<boolean> {
  if (sdk !== sdkVersion()) return false;
  const checks = Object.entries(sources).map(async ([path, sha256]) => (await sha256OfSource(path)) === sha256);
  return (await Promise.all(checks)).every(Boolean);
}

async function sha256OfSource(path: string): Promise<string | undefined> {
  const source = await readFile(packageFile(path)).catch(() => undefined);
  return source && sha256Of(source);
}

function digestOf({ sdk, sources }: Manifest): string {
  const lines = Object.entries(sources).sort(([a], [b]) => (a < b ? -1 : 1));
  return sha256Of([sdk, ...lines.map((line) => line.join(' '))].join('\n')).slice(0, 16);
}

function sdkVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('@temporalio/workflow/package.json');
  return z.object({ version: z.string() }).parse(manifest).version;
}

/** Bundles the compiled workflows with their imports, and records which files of this package were included. */
async function makeBundle(): Promise<Manifest> {
  // Loaded only to build: webpack is large, and a worker with a current bundle does not need it.
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const { paths, webpackConfigHook } = collectSources();
  const { code } = await bundleWorkflowCode({
    workflowsPath: compiledFile('workflows/index.ts'),
    webpackConfigHook,
    logger: new DefaultLogger('WARN'),
  });
  const sources: Record<string, string> = {};
  for (const path of [...paths].sort()) sources[path] = (await sha256OfSource(path)) ?? '';
  const manifest = { sdk: sdkVersion(), sources };
  await writeBundle(code, manifest);
  return manifest;
}

async function writeBundle(code: string, manifest: Manifest): Promise<void> {
  try {
    await writeFileAtomic(CODE, code);
    await writeFileAtomic(MANIFEST, JSON.stringify(manifest, null, 2));
  } catch (cause) {
    if (!(cause instanceof ReigniteError) || cause.code !== 'NOT_WRITABLE') throw cause;
    throw new ReigniteError('NOT_WRITABLE', cause.message, {
      cause,
      remedy: `As the owner of ${PACKAGE_ROOT}, run \`npx reignite run\` there once: it bundles the workflows for all users.`,
    });
  }
}

/** Collects the files that webpack reads; `paths` is complete once the bundle is built. */
function collectSources(): {
  readonly paths: ReadonlySet<string>;
  readonly webpackConfigHook: NonNullable<BundleOptions['webpackConfigHook']>;
} {
  const paths = new Set<string>();
  return {
    paths,
    webpackConfigHook: (config) => ({
      ...config,
      // Names in the bundle must not depend on the current folder.
      context: PACKAGE_ROOT,
      plugins: [
        ...(config.plugins ?? []),
        (compiler) => {
          compiler.hooks.afterCompile.tap('reignite', ({ fileDependencies }) => {
            for (const file of fileDependencies) {
              const path = relative(PACKAGE_ROOT, file).split(sep).join('/');
              if (/^dist\/.*\.js$/.test(path)) paths.add(path);
            }
          });
        },
      ],
    }),
  };
}
