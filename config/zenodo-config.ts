import { z } from 'zod';

/** A length of time in seconds; the description gets its unit and its default. */
export const seconds = (fallback: number, text: string) =>
  z.number().positive().max(604_800).default(fallback).describe(`${text} Unit: s. Default: ${fallback}.`);

/** A whole number from 1 to `most`. */
export const count = (fallback: number, most: number, text: string) =>
  z.number().int().min(1).max(most).default(fallback).describe(`${text} 1 to ${most}. Default: ${fallback}.`);

/** Where the record comes from, and how politely. Nothing of it changes a result: every byte is verified. */
export const ZenodoConfig = z
  .strictObject({
    api: z
      .url({ protocol: /^https?$/ })
      .default('https://zenodo.org/api')
      .describe('Address of the record API, without a closing slash. Default: https://zenodo.org/api.'),
    serve: z
      .string()
      .min(1)
      .optional()
      .describe(
        'A folder with the files of a record, served on the loopback address instead of `api`. Relative to the ' +
          'installed package when it is one of its own folders (`data/sample`). Default: none.',
      ),
    mirror: z
      .string()
      .min(1)
      .optional()
      .describe(
        'A folder in which files of the record lie already: each is verified as if it had been fetched, and only read. ' +
          'Absolute, or relative to the current folder. Default: none.',
      ),
    offline: z
      .boolean()
      .default(false)
      .describe(
        'Whether to ask nobody, and take the data folder as it is: nothing is fetched, and nothing verified that was not ' +
          'fetched into it from this home. Default: false.',
      ),
    keepArchives: z
      .boolean()
      .default(false)
      .describe('Whether archives stay in DATA/archives after they are unpacked and verified. Default: false.'),
    stallSeconds: seconds(30, 'A transfer without a byte for so long is given up and begun again where it was.'),
    patienceSeconds: seconds(
      3_600,
      'How long attempts go on that bring no byte (no network, a server that fails or asks to wait) before the error ' +
        'ends the run; every byte that arrives begins the time anew.',
    ),
    spaceSeconds: seconds(3_600, 'How long a full disk is waited for before NO_SPACE ends the run.'),
    connections: count(2, 2, 'Files fetched at the same time; Zenodo blocks clients that open more than two.'),
    requestsPerMinute: count(50, 60, 'Requests to one host in any minute; Zenodo allows 60 without an account.'),
  })
  .describe('Where the record comes from.');
export type ZenodoConfig = z.infer<typeof ZenodoConfig>;
