import { existsSync } from 'node:fs';
import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../../config/digest.ts';
import { packageFile } from '../../config/package-files.ts';
import { ReigniteError } from '../errors.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { hasCode } from './file-access.ts';
import { type HomeFolders, PRIVATE_FILE } from './folders.ts';
import { sha256Of } from './hash-file.ts';
import { readJsonIfValid } from './text-file.ts';

/**
 * Resolves the symbolic links in a path that may not exist yet, starting from its deepest existing ancestor. Dangling
 * links are followed too, since writing through one creates its target.
 *
 * @param path - Absolute, or relative to the current folder.
 * @throws The file system's error for a loop of links, or for a folder that may not be searched.
 */
async function realPathOf(path: string): Promise<string> {
  const absolute = resolve(path);
  const real = await unlessMissing(realpath(absolute));
  if (real !== undefined) return real;
  const folder = await realPathOf(dirname(absolute));
  const place = join(folder, basename(absolute));
  const target = await linkTarget(place);
  return target === undefined ? place : realPathOf(resolve(folder, target));
}

/**
 * Returns the target of a link; undefined if it is not a link: another process may have created a folder there
 * meanwhile.
 */
async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'EINVAL')) return undefined;
    throw error;
  }
}

async function unlessMissing(found: Promise<string>): Promise<string | undefined> {
  try {
    return await found;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

const Places = z.object({
  written: z.array(z.string()),
  read: z.array(z.string()),
  addresses: z.array(z.string()),
});

/** What a worker may use: folders and files with their symbolic links resolved, and origins of URLs. */
export type Places = Readonly<z.infer<typeof Places>>;

type Home = Pick<HomeFolders, 'allowed' | 'sample'>;

/**
 * Records the places that a command names in the state directory, before the run starts, so that its workers may use
 * them. Only the owner can write there.
 *
 * @throws ReigniteError NOT_WRITABLE, NO_SPACE.
 */
export async function allowPlaces(home: Pick<HomeFolders, 'allowed'>, named: Partial<NamedPlaces>): Promise<void> {
  const places = await resolvePlaces(named);
  const text = canonicalJson(places);
  await writeFileAtomic(join(home.allowed, `${sha256Of(text).slice(0, 16)}.json`), text, { mode: PRIVATE_FILE });
}

/** Lists, per command that recorded places, the folders that it may write. Files that cannot be read are left out. */
export async function recordedFolders(home: Pick<HomeFolders, 'allowed'>): Promise<readonly (readonly string[])[]> {
  const names = (await readdir(home.allowed).catch(() => [])).filter((name) => name.endsWith('.json'));
  const recorded: (readonly string[])[] = [];
  for (const name of names.sort()) {
    const places = await readJsonIfValid(join(home.allowed, name), Places);
    if (places !== undefined) recorded.push(places.written);
  }
  return recorded;
}

/**
 * All that the workers of a state directory may use: the places they were started with, and those that commands
 * recorded.
 */
export class AllowedPlaces {
  readonly #folder: string;
  readonly #known = new Set<string>();
  readonly #written = new Set<string>();
  readonly #read = new Set<string>();
  readonly #origins = new Set<string>();

  private constructor(home: Home, places: Places) {
    this.#folder = home.allowed;
    this.#add(places);
  }

  /** @param started - Places that the worker was started with, in addition to the folders of the state directory. */
  static async of(home: Home, started: Partial<NamedPlaces> = {}): Promise<AllowedPlaces> {
    const { written = [], read = [], addresses = [] } = started;
    const own = { written: [...written, home.sample], read: [...read, packageFile('data/sample')], addresses };
    return new AllowedPlaces(home, await resolvePlaces(own));
  }

  /**
   * Rejects an input that names any other place.
   *
   * @throws ReigniteError PATH_TRAVERSAL for a relative path that leaves its folder, PATH_NOT_ALLOWED,
   *   ADDRESS_NOT_ALLOWED.
   */
  async check(named: NamedPlaces): Promise<void> {
    const [leaving] = named.escapes;
    if (leaving !== undefined)
      throw new ReigniteError('PATH_TRAVERSAL', `The path ${quote(leaving)} leaves its folder.`);
    for (const path of named.written) await this.#checkPath(path, 'write', [this.#written]);
    for (const path of named.read) await this.#checkPath(path, 'read', [this.#written, this.#read]);
    for (const address of named.addresses) await this.#checkAddress(address);
  }

  async #checkPath(path: string, verb: 'read' | 'write', allowed: readonly ReadonlySet<string>[]): Promise<void> {
    // A path that cannot be resolved is not allowed.
    const real = await realPathOf(path).catch(() => undefined);
    if (real !== undefined && (await this.#holds(() => allowed.some((places) => isWithin(real, places))))) return;
    const where = real === undefined || real === path ? quote(path) : `${quote(path)} (${quote(real)})`;
    throw new ReigniteError('PATH_NOT_ALLOWED', `This worker is not allowed to ${verb} ${where}.`);
  }

  async #checkAddress(address: string): Promise<void> {
    const origin = originOf(address);
    if (origin !== undefined && (await this.#holds(() => this.#origins.has(origin)))) return;
    throw new ReigniteError('ADDRESS_NOT_ALLOWED', `This worker is not allowed to download from ${quote(address)}.`);
  }

  /** Reloads the recorded places if the answer is no: a command may have started a run in the meantime. */
  async #holds(condition: () => boolean): Promise<boolean> {
    if (condition()) return true;
    await this.#load();
    return condition();
  }

  async #load(): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      if (this.#known.has(name) || !name.endsWith('.json')) continue;
      this.#add(Places.parse(JSON.parse(await readFile(join(this.#folder, name), 'utf8'))));
      // Only now, since another check may run at the same time.
      this.#known.add(name);
    }
  }

  #add({ written, read, addresses }: Places): void {
    for (const place of written) this.#written.add(place);
    for (const place of read) this.#read.add(place);
    for (const origin of addresses) this.#origins.add(origin);
  }
}

async function resolvePlaces({ written = [], read = [], addresses = [] }: Partial<NamedPlaces>): Promise<Places> {
  return {
    written: await realPaths(written),
    read: await realPaths(read),
    addresses: unique(addresses.map(originOf)),
  };
}

async function realPaths(paths: readonly string[]): Promise<string[]> {
  const real: string[] = [];
  for (const path of paths) real.push(await realPathOf(path));
  return unique(real);
}

function unique(values: readonly (string | undefined)[]): string[] {
  return [...new Set(values.filter((value) => value !== undefined))].sort();
}

/** @returns Undefined if the address is neither http(s) nor object storage. */
function originOf(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, origin, host } = new URL(address);
  if (protocol === 's3:') return `s3://${host}`;
  return protocol === 'http:' || protocol === 'https:' ? origin : undefined;
}

function isWithin(path: string, places: ReadonlySet<string>): boolean {
  for (let place = path; ; place = dirname(place)) {
    if (places.has(place)) return true;
    if (dirname(place) === place) return false;
  }
}

function quote(text: string): string {
  return JSON.stringify(text);
}

/** The paths and URLs that an input names. */
interface NamedPlaces {
  /** Absolute paths that may be written. */
  readonly written: readonly string[];
  /** Absolute paths that are only read. */
  readonly read: readonly string[];
  /** URLs. */
  readonly addresses: readonly string[];
  /** Relative paths that leave the folder they start from. */
  readonly escapes: readonly string[];
}

/** Fields that hold a path, absolute or relative to the current folder. */
const WRITTEN_FIELDS: ReadonlySet<string> = new Set(['data', 'results', 'out']);
/** The same for files and folders that no activity writes to. */
const READ_FIELDS: ReadonlySet<string> = new Set(['model', 'labels', 'regions', 'mirror', 'serveFrom']);
/** The path of an image, if absolute. */
const IMAGE_FIELD = 'path';
/** Text for people, in which no path is looked for. */
const TEXT_FIELDS: ReadonlySet<string> = new Set(['cause', 'remedy', 'reason']);

const SCHEME_START = /^[a-z][a-z0-9+.-]*:\/\//i;
const DRIVE_START = /^[a-z]:[\\/]/i;

/**
 * Finds every path and URL in the input of a workflow or an activity, whatever its shape, so that fields added later
 * are found too. A path counts as written unless it is known to be only read.
 *
 * @example
 * placesNamedIn({ folders: { data: '/srv/data', results: '/srv/results' }, he: { model: '/srv/model.onnx' } });
 * // { written: ['/srv/data', '/srv/results'], read: ['/srv/model.onnx'], addresses: [], escapes: [] }
 */
export function placesNamedIn(input: unknown): NamedPlaces {
  const found: Found = { written: [], read: [], addresses: [], escapes: [] };
  collect(input, '', found);
  return found;
}

type Found = { readonly [Kind in keyof NamedPlaces]: string[] };

function collect(value: unknown, field: string, found: Found): void {
  if (typeof value === 'string') {
    collectText(value, field, found);
  } else if (Array.isArray(value)) {
    for (const each of value) collect(each, field, found);
  } else if (isFields(value)) {
    collectFields(value, found);
  }
}

function collectFields(fields: Record<string, unknown>, found: Found): void {
  const served = isFields(fields['zenodo']) && fields['zenodo']['serveFrom'] !== undefined;
  for (const [name, value] of Object.entries(fields)) {
    // Field names may become part of a path too.
    collectText(name, '', found);
    // A served folder gets a different port in every process, so the URL in the history is never used.
    if (served && name === 'file' && isFields(value)) collect({ ...value, url: '' }, name, found);
    else collect(value, name, found);
  }
}

function collectText(text: string, field: string, found: Found): void {
  if (TEXT_FIELDS.has(field)) return;
  if (text.includes('\0')) found.escapes.push(text);
  else if (READ_FIELDS.has(field)) found.read.push(field === 'serveFrom' ? servedFolder(text) : resolve(text));
  else if (WRITTEN_FIELDS.has(field)) found.written.push(resolve(text));
  else if (text.split(/[\\/]/).includes('..')) found.escapes.push(text);
  else if (isAddress(text)) found.addresses.push(text);
  else if (isAbsolute(text) || DRIVE_START.test(text)) (field === IMAGE_FIELD ? found.read : found.written).push(text);
}

/** Parses leniently, as URL parsers do: surrounding spaces and a missing `//` make no difference. */
function isAddress(text: string): boolean {
  if (SCHEME_START.test(text)) return true;
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

/** Resolves a folder as the file server does: in the package first. */
function servedFolder(folder: string): string {
  const inPackage = packageFile(folder);
  return existsSync(inPackage) ? inPackage : resolve(folder);
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
