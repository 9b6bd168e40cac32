import { createRoiSegmenter } from '../../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';

/** Does the job in its argument and writes how many passes were done, one line each: for tests that kill it. */
const segmenter = createRoiSegmenter({ provider: 'cpu', threads: 1 });
await segmenter.segment(JSON.parse(process.argv[2] ?? ''), {
  onProgress: ({ tile }) => process.stdout.write(`${tile}\n`),
});
await segmenter.close();
