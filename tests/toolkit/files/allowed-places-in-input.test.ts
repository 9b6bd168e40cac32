import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../../../config/package-files.ts';
import { placesNamedIn } from '../../../toolkit/files/allowed-places.ts';

const NONE = { written: [], read: [], addresses: [], escapes: [] };

describe('the places in an input', () => {
  it('are the folders that are written, the files that are read, and the URLs', () => {
    const input = {
      folders: { data: '/srv/data', results: 'results/paper', generation: 'g1' },
      he: { model: '/models/he' },
      zenodo: { api: 'https://zenodo.org/api', mirror: '../mirror', connections: 2 },
      order: { out: '/srv/out', labels: '/labels.json' },
      image: { path: '/slides/a.png', name: 'a' },
    };
    expect(placesNamedIn(input)).toEqual({
      written: ['/srv/data', resolve('results/paper'), '/srv/out'],
      read: ['/models/he', resolve('../mirror'), '/labels.json', '/slides/a.png'],
      addresses: ['https://zenodo.org/api'],
      escapes: [],
    });
  });

  it('are found in an unknown field, where they count as written', () => {
    const path = fc.array(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1 }).map((steps) => `/${steps.join('/')}`);
    const field = fc
      .stringMatching(/^[a-z]{4,9}$/)
      .filter((name) => !/^(cause|remedy|reason|model|labels|mirror|serve|path)$/.test(name));
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 6 }), path, fc.boolean(), (fields, place, listed) => {
        const leaf: unknown = listed ? [place] : place;
        const input = fields.reduceRight((inner: unknown, name) => ({ [name]: inner }), leaf);
        expect(placesNamedIn([input])).toEqual({ ...NONE, written: [place] });
      }),
    );
  });

  it.each(['../x', 'a/../../x', 'a\\..\\x', '..', 'https://zenodo.org/../../etc/passwd', 'a\0b'])(
    'are refused where a relative one leaves its folder: %j',
    (roi) => {
      expect(placesNamedIn({ roi })).toEqual({ ...NONE, escapes: [roi] });
      expect(placesNamedIn({ [roi]: 1 })).toEqual({ ...NONE, escapes: [roi] });
    },
  );

  it.each([' http://a.example/', 'http:a.example', 'HTTPS://a.example', 'file:///etc/passwd', 'ftp://a.example'])(
    'are addresses however they are written: %j',
    (url) => expect(placesNamedIn({ file: { url } })).toEqual({ ...NONE, addresses: [url] }),
  );

  it('are not looked for in sentences, names of files and of ROIs', () => {
    const input = { failures: [{ roi: 'patient1_he_roi1', cause: '/data/x.png is damaged', remedy: '../x' }] };
    expect(placesNamedIn({ ...input, image: 'images/he/a..b.png', record: '15674785' })).toEqual(NONE);
  });

  it('include a served folder, not the URL at which another process served it', () => {
    const input = { zenodo: { serveFrom: 'data/sample' }, file: { key: 'a.zip', url: 'http://127.0.0.1:4000/a.zip' } };
    expect(placesNamedIn(input)).toEqual({ ...NONE, read: [packageFile('data/sample')] });
    expect(placesNamedIn({ ...input, file: { ...input.file, key: '../a.zip' } }).escapes).toEqual(['../a.zip']);
  });
});
