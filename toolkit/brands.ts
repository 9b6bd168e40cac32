import { z } from 'zod';

/** SHA-256 of the bytes of a file, as 64 hex digits. */
export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .brand<'Sha256'>();
export type Sha256 = z.infer<typeof Sha256>;

/** The key of a cache entry: SHA-256 of everything that its result depends on. */
export const CacheKey = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .brand<'CacheKey'>();
export type CacheKey = z.infer<typeof CacheKey>;

/** Stem of an ROI's files in `inference/`, such as `patient1_he_roi1_with_context`. */
export const RoiStem = z
  .string()
  .min(1)
  .refine((stem) => !/[\\/]/.test(stem), 'Expected the name of a file without its folder and extension')
  .brand<'RoiStem'>();
export type RoiStem = z.infer<typeof RoiStem>;
