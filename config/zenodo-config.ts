import { z } from 'zod';

/** Schema of a duration in seconds; unit and default are added to the description. */
export const seconds = (fallback: number, text: string, max = 604_800) =>
  z.number().positive().max(max).default(fallback).describe(`${text} Unit: s. Default: ${fallback}.`);

/** Schema of a whole number from 1 to `max`; the range and the default are added to the description. */
export const count = (fallback: number, max: number, text: string) =>
  z.number().int().min(1).max(max).default(fallback).describe(`${text} 1 to ${max}. Default: ${fallback}.`);

/** Source of the record and limits of requests to its server. No field changes a result: every byte is verified. */
export const ZenodoConfig = z
  .strictObject({
    api: z
      .url({ protocol: /^https?$/ })
      .default('https://zenodo.org/api')
      .describe('Address of the record API, without a trailing slash. Default: https://zenodo.org/api.'),
    serveFrom: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Folder with the files of a record; they are served on 127.0.0.1 in place of `api`. Relative to the ' +
          'installed package when it is one of its folders (`data/sample`). Default: none.',
      ),
    mirror: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Folder that already contains files of the record. Each is verified like a download, and is never changed. ' +
          'Absolute, or relative to the current folder. Default: none.',
      ),
    offline: z
      .boolean()
      .default(false)
      .describe(
        'Use the data folder as it is, without network access. Nothing is downloaded, and only files that this ' +
          'installation downloaded earlier are verified. Default: false.',
      ),
    keepArchives: z
      .boolean()
      .default(false)
      .describe('Keep archives in DATA/archives after they are unpacked and verified. Default: false.'),
    stallTimeoutSeconds: seconds(30, 'A transfer without a byte for this long is restarted where it stopped.'),
    retryTimeoutSeconds: seconds(
      3_600,
      'How long failing requests (no network, a server error, a request to wait) are retried before the error ends ' +
        'the run; every byte received restarts the count.',
    ),
    diskFullTimeoutSeconds: seconds(3_600, 'How long to wait for space on a full disk before NO_SPACE ends the run.'),
    connections: count(2, 2, 'Files downloaded at the same time; Zenodo blocks clients that open more than two.'),
    requestsPerMinute: count(50, 60, 'Requests to one host per minute; Zenodo allows 60 without an account.'),
  })
  .describe('Where the record comes from.');
export type ZenodoConfig = z.infer<typeof ZenodoConfig>;
