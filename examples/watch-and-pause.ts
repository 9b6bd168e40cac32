// Watches the newest run of a state directory until it ends. Pauses and resumes it once.
// Usage: npx tsx watch-and-pause.ts [state directory]
import { connect } from 'reignite';

const [home = '.reignite'] = process.argv.slice(2);
const session = await connect({ home });
try {
  const run = await session.run();
  let hasPaused = false;
  for await (const { stages, paused } of run.progress()) {
    const counts = stages.map(({ stage, done, of, unit }) => `${stage} ${done} of ${of} ${unit}`);
    console.log(paused ? 'paused' : 'running', counts.join(', '));
    if (paused) await run.resume();
    else if (!hasPaused) {
      hasPaused = true;
      await run.pause();
    }
  }
  const { status } = await run.wait();
  console.log(status);
} finally {
  await session.close();
}
