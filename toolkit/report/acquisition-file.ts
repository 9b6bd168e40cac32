/** Sizes, MD5 and SHA-256 of the record's files as they were fetched, and of all that was unpacked of them. */
export const ACQUISITION_FILE = 'acquisition.json';
