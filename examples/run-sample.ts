// Runs the sample record that comes with the package, and prints the Dice of its H&E segmentation.
// Usage: npx tsx run-sample.ts [state directory [results]]
import { connect } from 'reignite';

const [home = '.reignite', results = 'results/sample'] = process.argv.slice(2);
const session = await connect({ home, onStep: (line) => console.error(line) });
try {
  const run = await session.startOrAttach({ profile: 'sample', tasks: ['he'], results });
  console.error(`Started ${run.id}`);
  const { status } = await run.wait();
  const { tissue } = await run.results();
  // The sample is synthetic: its Dice shows that the pipeline works, but not that the paper was reproduced.
  console.log(`${run.id}: ${status}, Dice on synthetic data ${tissue.he?.metrics.all.overall.toFixed(4)}`);
} finally {
  await session.close();
}
