import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporalBinary } from '../../tests/support/temporal.ts';
import type { Engine } from './engine.ts';

const IMAGES = fileURLToPath(new URL('images', import.meta.url));
const BASE = 'debian:bookworm-slim';
const MODULES = join(homedir(), 'go', 'pkg', 'mod');
const SERVER_MODULE = join(MODULES, 'go.temporal.io', 'server@v1.32.0');
const UI_MODULE = join(MODULES, 'github.com', 'temporalio', 'ui-server', 'v2@v2.54.1');

/** Programs that were built from source. */
export interface BuiltPrograms {
  /** Folder of `server` and `sql`. */
  readonly bin: string;
  /** Path of the UI server. */
  readonly ui: string;
}

/** Provides the images that docker-compose.yml and the Dockerfile name. @returns Those made here. */
export async function provideImages(
  engine: Engine,
  { folder, programs, pull }: { readonly folder: string; readonly programs: BuiltPrograms; readonly pull: boolean },
): Promise<string[]> {
  const made: string[] = [];
  for (const [name, { image, files }] of Object.entries(await standIns(programs))) {
    if ((await hasImage(engine, image)) || (pull && (await isPulled(engine, image)))) continue;
    if (!(await hasImage(engine, BASE))) await makeBase(engine, folder);
    const context = join(folder, `image-${name}`);
    cpSync(join(IMAGES, name), context, { recursive: true });
    for (const [target, source] of Object.entries(files)) {
      if (!existsSync(source)) throw new Error(`${source} is missing, for a stand-in of ${image}.`);
      cpSync(source, join(context, target), { recursive: true, dereference: true });
    }
    await engine.docker(['build', '--tag', image, context]);
    made.push(image);
  }
  return made;
}

/** Returns the image that each folder of `images/` replaces, and the files that it needs. */
async function standIns({ bin, ui }: BuiltPrograms) {
  const npm = dirname(dirname(realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim())));
  return {
    node: {
      image: 'node:20.20.2-bookworm-slim',
      files: { node: process.execPath, npm, 'ca-certificates.crt': '/etc/ssl/certs/ca-certificates.crt' },
    },
    postgres: { image: 'postgres:16.10', files: {} },
    'temporal-server': {
      image: 'temporalio/server:1.32.0',
      files: { server: join(bin, 'server'), 'entrypoint.sh': join(SERVER_MODULE, 'docker/scripts/sh/entrypoint.sh') },
    },
    'temporal-admin-tools': {
      image: 'temporalio/admin-tools:1.32.0',
      files: { sql: join(bin, 'sql'), temporal: await temporalBinary(), schema: join(SERVER_MODULE, 'schema') },
    },
    'temporal-ui': {
      image: 'temporalio/ui:2.54.1',
      files: { 'ui-server': ui, 'docker.yaml': join(UI_MODULE, 'config', 'docker.yaml') },
    },
  } satisfies Record<string, { image: string; files: Readonly<Record<string, string>> }>;
}

async function makeBase(engine: Engine, folder: string): Promise<void> {
  const root = join(folder, 'debian');
  const archive = join(folder, 'debian.tar');
  mkdirSync(root);
  execFileSync('debootstrap', ['--variant=minbase', 'bookworm', root], { stdio: 'ignore' });
  execFileSync('tar', ['--directory', root, '--create', '--file', archive, '.']);
  await engine.docker(['import', archive, BASE]);
}

async function hasImage(engine: Engine, image: string): Promise<boolean> {
  return (await engine.docker(['images', '--quiet', image])) !== '';
}

async function isPulled(engine: Engine, image: string): Promise<boolean> {
  return engine.docker(['pull', '--quiet', image]).then(
    () => true,
    () => false,
  );
}
