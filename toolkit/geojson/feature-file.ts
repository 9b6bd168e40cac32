import { type FileHandle, open } from 'node:fs/promises';
import { replaceFile } from '../files/atomic-write.ts';

/** How a class is called and shown; QuPath takes both from a feature's `classification`. */
export interface Classification {
  readonly name: string;
  /** Red, green, blue, each 0..255. */
  readonly color: readonly [number, number, number];
}

/** One object of an image: a feature of GeoJSON with the properties that QuPath reads. */
export interface ImageFeature {
  readonly geometry:
    | { readonly type: 'Polygon'; readonly coordinates: readonly (readonly (readonly [number, number])[])[] }
    | { readonly type: 'Point'; readonly coordinates: readonly [number, number] };
  /** `annotation`: a region; `detection`: something counted. */
  readonly objectType: 'annotation' | 'detection';
  readonly classification: Classification;
  /** Shown by QuPath in its table. */
  readonly measurements: Readonly<Record<string, number>>;
}

/** What the coordinates of a file are of. */
export interface ImageFrame {
  readonly width: number;
  readonly height: number;
  /** µm a px, where it is known. */
  readonly mpp?: number;
}

const CHUNK_CHARACTERS = 2 ** 20;

/**
 * Writes the objects of an image as a FeatureCollection (RFC 7946), one feature a line, in little memory.
 *
 * The coordinates are pixels of the image, not longitude and latitude: x to the right, y downwards, (0, 0) the upper
 * left corner of the first pixel. That is what QuPath expects, and what the member `imageCoordinates` says.
 *
 * @returns Number of features.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function writeFeatures(
  path: string,
  frame: ImageFrame,
  features: Iterable<ImageFeature>,
): Promise<number> {
  let count = 0;
  await replaceFile(path, async (temporary) => {
    const handle = await open(temporary, 'wx');
    try {
      const imageCoordinates = { unit: 'px', origin: 'upper left corner', y: 'down', ...frame };
      let text = `{"type":"FeatureCollection","imageCoordinates":${JSON.stringify(imageCoordinates)},"features":[\n`;
      for (const feature of features) {
        text += `${count === 0 ? '' : ',\n'}${encodeFeature(feature)}`;
        count++;
        if (text.length > CHUNK_CHARACTERS) text = await flush(handle, text);
      }
      await flush(handle, `${text}\n]}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
  return count;
}

function encodeFeature({ geometry, ...properties }: ImageFeature): string {
  return JSON.stringify({ type: 'Feature', geometry, properties });
}

async function flush(handle: FileHandle, text: string): Promise<string> {
  await handle.writeFile(text);
  return '';
}
