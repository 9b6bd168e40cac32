import { pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { ReigniteError } from '../../errors.ts';
import type { HttpReply } from './http.ts';

const DECODERS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

/** Returns the content encodings of a reply in the order in which they were applied; empty if there are none. */
export function contentCodings(reply: Pick<HttpReply, 'header'>): readonly string[] {
  const names = (reply.header('content-encoding') ?? '').split(',').map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== '' && name !== 'identity');
}

/**
 * Decodes the content encodings that a server applied although `identity` was requested (nginx does so for some types).
 * Errors of the body are passed on.
 *
 * @throws ReigniteError NETWORK for an unknown encoding.
 */
export function decodeBody(reply: HttpReply, codings: readonly string[]): Readable {
  let stream = reply.body;
  for (const name of codings.toReversed()) {
    const decoder = DECODERS.get(name);
    if (decoder === undefined)
      throw new ReigniteError('NETWORK', `${reply.url} answered with an unsupported content encoding, "${name}".`);
    // Nothing to do here: the error reaches the reader of the last stream.
    stream = pipeline(stream, decoder(), () => {});
  }
  return stream;
}
