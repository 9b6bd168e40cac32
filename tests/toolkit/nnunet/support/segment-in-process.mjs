// Does the job in its argument and writes how many passes were done, one line each: for tests that kill it. JavaScript and
// compiled code, because a process with a loader takes several times as long to start.
import { createRoiSegmenter } from '../../../../dist/toolkit/nnunet/sliding-window/roi-segmenter.js';

const segmenter = createRoiSegmenter({ provider: 'cpu', threads: 1 });
await segmenter.segment(JSON.parse(process.argv[2] ?? ''), {
  onProgress: ({ tile }) => process.stdout.write(`${tile}\n`),
});
await segmenter.close();
