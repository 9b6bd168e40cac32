import { z } from 'zod';

const SCHEME = 's3://';
/** A bucket by the rules of S3, and a prefix of plain characters. Credentials do not belong in an address. */
const ADDRESS = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[A-Za-z0-9._-]+)*\/?$/;

/** Object storage for machines that have no common folder. */
export const StorageAddress = z
  .string()
  .regex(
    ADDRESS,
    'expected s3://BUCKET or s3://BUCKET/PREFIX; BUCKET has 3 to 63 lower-case letters, digits, dots or hyphens, PREFIX letters, digits, dots, hyphens, underscores and slashes.',
  )
  .refine(
    (text) => !text.split('/').some((part) => part === '.' || part === '..'),
    'expected a prefix without . and .. as parts.',
  )
  .describe(
    'Object storage for workers without a shared folder: `s3://BUCKET/PREFIX` of any S3-compatible server. Server and ' +
      'credentials come from the usual AWS variables and files. Does not change results. Default: none, folders are shared.',
  );

/** Bucket and prefix of a storage address. */
export interface StoragePlace {
  readonly bucket: string;
  /** Empty, or ending in a slash. */
  readonly prefix: string;
}

/** @param address - In the format of `StorageAddress`. */
export function storagePlace(address: string): StoragePlace {
  const [bucket = '', ...prefix] = StorageAddress.parse(address).slice(SCHEME.length).split('/');
  const parts = prefix.filter((part) => part !== '');
  return { bucket, prefix: parts.map((part) => `${part}/`).join('') };
}
