import { basename, dirname, extname, join } from 'node:path';
import { ReigniteError } from '../errors.ts';
import { RGB } from '../image/image-header.ts';

/** A file that the user gave, and how many channels it has. */
export interface GivenFile {
  /** Absolute path. */
  readonly path: string;
  /** Undefined if it cannot be read as an image, or is a slide. */
  readonly channels: number | undefined;
}

/** An image to predict. */
export interface Case {
  /** Name of its output files. */
  readonly name: string;
  /** Absolute path; that of the first channel if each channel is a file. */
  readonly path: string;
  /** Paths of the channels in their order, if each is a file. */
  readonly channels?: readonly string[];
}

/** nnU-Net names channel 1 of the case PATIENT_3 `PATIENT_3_0001.png`. */
const CHANNEL_FILE = /^(.+)_(\d{4})$/;

/** Returns whether a file is named like a channel of nnU-Net. */
export function isNamedAsChannel(path: string): boolean {
  return CHANNEL_FILE.test(stem(path));
}

/**
 * Groups files that each hold one channel, `CASE_0000.png` and so on, into cases. Other files are cases of their own, named
 * after the file.
 *
 * @param files - In the order in which they were given. A case takes the place of its first file.
 * @param channels - Number of channels of the model.
 * @param isFolder - Whether the files are all images of a folder. Then, if all names end in `_0000`, cases are named without
 *   it, and three grey files make an image of three channels. Otherwise these are three grey images.
 * @throws ReigniteError FILE_MISSING if a channel is missing; USAGE if there are more channels than the model takes, or two
 *   files of one channel.
 */
export function groupCases(
  files: readonly GivenFile[],
  { channels, isFolder }: { readonly channels: number; readonly isFolder: boolean },
): readonly Case[] {
  const areSets = channels > 1 && (channels !== RGB || isFolder);
  const places = files.map((file) => (areSets ? placeOf(file) : undefined));
  const sets = new Map<string, ChannelPlace[]>();
  for (const place of places) if (place !== undefined) sets.set(place.key, [...(sets.get(place.key) ?? []), place]);
  // Other numbers are not channels: a year, or the number of an image.
  for (const [key, set] of sets) if (!set.some(({ channel }) => channel < channels)) sets.delete(key);
  const isPlain = isFolder && sets.size === 0 && files.every(({ path }) => stem(path).endsWith(FIRST));
  const taken = new Set<string>();
  return files.flatMap(({ path }, index) => {
    const key = places[index]?.key;
    const set = key === undefined ? undefined : sets.get(key);
    if (key === undefined || set === undefined) {
      return [{ path, name: isPlain ? stem(path).slice(0, -FIRST.length) : stem(path) }];
    }
    if (taken.has(key)) return [];
    taken.add(key);
    return [caseOf(set, channels, isFolder)];
  });
}

const FIRST = '_0000';
const AS_FILES = ' If each file is an image of its own, name the files instead of the folder, such as folder/*.png.';

interface ChannelPlace {
  readonly path: string;
  readonly folder: string;
  readonly name: string;
  /** Of the case. */
  readonly key: string;
  readonly channel: number;
}

function placeOf({ path, channels }: GivenFile): ChannelPlace | undefined {
  const [, name, number] = CHANNEL_FILE.exec(stem(path)) ?? [];
  if (channels !== 1 || name === undefined || number === undefined) return undefined;
  const folder = dirname(path);
  return { path, folder, name, key: join(folder, name), channel: Number(number) };
}

function caseOf(set: readonly ChannelPlace[], channels: number, isFolder: boolean): Case {
  const [any] = set;
  if (any === undefined) throw new RangeError('A case needs at least one file.');
  const byChannel = new Map<number, string>();
  const takes = `The model takes ${channels} channels: one file per channel, ${nameOf(any, 0)} to ${nameOf(any, channels - 1)}, or all of them in one image.`;
  for (const { path, channel } of set) {
    const other = byChannel.get(channel);
    if (other === path) continue;
    if (other !== undefined) {
      throw new ReigniteError('USAGE', `${other} and ${path} are the same channel of ${any.name}.`, {
        remedy: 'Remove one of them.',
      });
    }
    if (channel >= channels) {
      throw new ReigniteError('USAGE', `${path} is channel ${channel} of ${any.name}, which the model does not take.`, {
        remedy: `${takes} Channels are counted from 0.${isFolder && channels === RGB ? AS_FILES : ''}`,
      });
    }
    byChannel.set(channel, path);
  }
  const paths = Array.from({ length: channels }, (_, channel) => {
    const path = byChannel.get(channel);
    if (path !== undefined) return path;
    throw new ReigniteError(
      'FILE_MISSING',
      `${any.name} has no channel ${channel}: ${join(any.folder, nameOf(any, channel))} is missing.`,
      {
        remedy: takes,
      },
    );
  });
  return { name: any.name, path: paths[0] ?? any.path, channels: paths };
}

function nameOf({ name, path }: ChannelPlace, channel: number): string {
  return `${name}_${String(channel).padStart(4, '0')}${extname(path)}`;
}

function stem(path: string): string {
  return basename(path, extname(path));
}
