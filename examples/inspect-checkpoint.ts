// Lists the tensors of a PyTorch checkpoint and the globals that unpickling would import. Nothing in it is executed.
// Usage: npx tsx inspect-checkpoint.ts CHECKPOINT
import { listTensors, openCheckpoint } from 'reignite/checkpoint';

const [path = ''] = process.argv.slice(2);
const checkpoint = await openCheckpoint(path, { inspect: true });
for (const { module, name, verdict } of checkpoint.globals) console.log(`${verdict} ${module}.${name}`);
for (const { name, dtype, shape } of listTensors(checkpoint.root)) console.log(`${name} ${dtype} ${shape.join(' x ')}`);
await checkpoint.close();
