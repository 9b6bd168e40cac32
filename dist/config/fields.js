import { z } from 'zod';
/** A length of time in seconds; the description gets its unit and its default. */
export const seconds = (fallback, text) => z.number().positive().max(604_800).default(fallback).describe(`${text} Unit: s. Default: ${fallback}.`);
/** A whole number from 1 to `most`. */
export const count = (fallback, most, text) => z.number().int().min(1).max(most).default(fallback).describe(`${text} 1 to ${most}. Default: ${fallback}.`);
