import { pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { ReigniteError } from '../../errors.ts';
import type { HttpReply } from './http.ts';

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** Codings of a reply in the order in which they were applied; empty when the body is what it is. */
export function contentCodings(reply: Pick<HttpReply, 'header'>): readonly string[] {
  const names = (reply.header('content-encoding') ?? '').split(',').map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== '' && name !== 'identity');
}

/**
 * Undoes the codings that a server put around a file although `identity` was asked for (nginx does so with some
 * types). Errors of the body are passed on.
 *
 * @throws ReigniteError NETWORK for a coding that is not known.
 */
export function decodeBody(reply: HttpReply, codings: readonly string[]): Readable {
  let stream = reply.body;
  for (const name of codings.toReversed()) {
    const decoder = DECODERS[name];
    if (decoder === undefined)
      throw new ReigniteError('NETWORK', `${reply.url} answered with an unsupported content encoding, "${name}".`);
    // The error itself reaches the reader of the last stream; there is nothing else to do about it here.
    stream = pipeline(stream, decoder(), () => {});
  }
  return stream;
}
