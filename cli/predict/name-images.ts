import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { mapConcurrent } from '../../toolkit/concurrency.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { statIfThere } from '../../toolkit/files/file-access.ts';
import { AcceptedImage } from '../../toolkit/image/accepted-image.ts';
import { type Case, type GivenFile, groupCases, isNamedAsChannel } from '../../toolkit/nnunet/case-files.ts';
import type { NamedImage } from '../../toolkit/predict/prediction.ts';
import { isSlide } from '../../toolkit/slide/read/is-slide.ts';

/** Returns the number of channels of the model; undefined if it is not one of nnU-Net. */
export type ChannelsOfModel = () => Promise<number | undefined>;

const IMAGE_FILE = /\.(?:png|jpe?g|tiff?)$/i;
const FILES_AT_ONCE = 16;

/**
 * Names the images of the command line: the name of an image without its extension is that of its output files. For an
 * nnU-Net model, a folder means the images in it, and channels in files of their own (`CASE_0000.png`) are one image `CASE`.
 *
 * @throws ReigniteError FILE_MISSING for an image that does not exist and for a missing channel, USAGE when two would write
 *   the same files.
 */
export async function nameImages(
  words: readonly string[],
  channelsOf: ChannelsOfModel,
): Promise<readonly NamedImage[]> {
  const paths: string[] = [];
  const inFolders: Case[] = [];
  for (const word of words) {
    const path = resolve(word);
    const found = await statIfThere(path);
    if (found?.isFile()) paths.push(path);
    else if (found?.isDirectory()) inFolders.push(...(await casesInFolder(path, await channelsOf())));
    else throw notImage(path, 'does not exist');
  }
  return withoutDoubles([...(await casesOfFiles(paths, channelsOf)), ...inFolders]);
}

async function casesInFolder(folder: string, channels: number | undefined): Promise<readonly Case[]> {
  if (channels === undefined) throw notImage(folder, 'is a folder');
  const entries = await readdir(folder, { withFileTypes: true });
  // macOS writes a hidden file, ._NAME, next to each file on some disks.
  const isImage = (name: string) => IMAGE_FILE.test(name) && !name.startsWith('.');
  const names = entries.filter((entry) => !entry.isDirectory() && isImage(entry.name)).map(({ name }) => name);
  if (names.length === 0) {
    throw new ReigniteError('FILE_MISSING', `The folder ${folder} contains no PNG, JPEG or TIFF images.`, {
      remedy: 'Name a folder that directly contains the images, or image files.',
    });
  }
  const files = await givenFiles(names.sort().map((name) => join(folder, name)));
  return groupCases(files, { channels, isFolder: true });
}

/** Opens the model only if a grey file is named like a channel. */
async function casesOfFiles(paths: readonly string[], channelsOf: ChannelsOfModel): Promise<readonly Case[]> {
  const files = await givenFiles(paths);
  const mayBeSets = files.some(({ channels }) => channels === 1);
  return groupCases(files, { channels: (mayBeSets ? await channelsOf() : undefined) ?? 1, isFolder: false });
}

/** Counts the channels of files that are named like channels. */
function givenFiles(paths: readonly string[]): Promise<readonly GivenFile[]> {
  return mapConcurrent(paths, FILES_AT_ONCE, undefined, async (path) => {
    return { path, channels: isNamedAsChannel(path) ? await channelsIn(path) : undefined };
  });
}

/** Returns undefined for a file that cannot be read: its error is that of its prediction. */
async function channelsIn(path: string): Promise<number | undefined> {
  try {
    if (await isSlide(path)) return undefined;
    return (await AcceptedImage.open(path)).header.channels;
  } catch (error) {
    if (error instanceof ReigniteError) return undefined;
    throw error;
  }
}

function withoutDoubles(cases: readonly Case[]): readonly NamedImage[] {
  const byName = new Map<string, string>();
  const images: NamedImage[] = [];
  for (const { name, path, channels } of cases) {
    const other = byName.get(name.toLowerCase());
    if (other === path) continue;
    if (other !== undefined) {
      throw new ReigniteError('USAGE', `${other} and ${path} would write the same files.`, {
        remedy: 'Use different output folders, or rename one of the images.',
      });
    }
    byName.set(name.toLowerCase(), path);
    images.push({ path, name, ...(channels && { channels }) });
  }
  return images;
}

function notImage(path: string, what: string): ReigniteError {
  return new ReigniteError('FILE_MISSING', `The image ${path} ${what}.`, {
    remedy: 'Check the path: name image files, such as folder/*.png.',
  });
}
