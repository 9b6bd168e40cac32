// Optimises a model for this CPU in a separate process, so that the 0.7 GB that the paper's network needs for this are
// freed when it ends, and a crash does not fail an ROI.
// Arguments: the model, an empty folder for the copy.
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { readModel, writeModel } from '../file/model-file.ts';
import { GRAPH_FILE, rewrittenForCpu, WEIGHTS_FILE } from './laid-out-model.ts';

const [path = '', folder = ''] = process.argv.slice(2);
const orphaned = () => process.exit(1);
process.once('disconnect', orphaned);

const rewritten = join(folder, 'rewritten.onnx');
await writeModel(rewritten, rewrittenForCpu(readModel(path)));
const session = await InferenceSession.create(rewritten, {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  graphOptimizationLevel: 'all',
  optimizedModelFilePath: join(folder, GRAPH_FILE),
  extra: {
    session: {
      optimized_model_external_initializers_file_name: WEIGHTS_FILE,
      // Shapes must stay in the graph: ONNX Runtime reads them before it opens the file with the weights.
      optimized_model_external_initializers_min_size_in_bytes: '1024',
    },
  },
  logSeverityLevel: 4,
});
await session.release();
await rm(rewritten);
for (const file of [GRAPH_FILE, WEIGHTS_FILE]) await sync(join(folder, file));
process.off('disconnect', orphaned);
process.disconnect?.();

/** Syncs a file to disk, so that a power cut does not leave its name without its content. */
async function sync(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
