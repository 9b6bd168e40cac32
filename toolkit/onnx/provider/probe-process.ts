// Runs a network of one operator on one execution provider and reports the outcome to its parent. It has its own
// process because drivers write to stderr and may crash.
// Arguments: the provider, the number of the GPU.
import { readFileSync } from 'node:fs';
import { Tensor } from 'onnxruntime-node';
import { z } from 'zod';
import { encodeModel } from '../file/model-file.ts';
import { GraphBuilder } from '../graph/graph.ts';
import { leakyRelu } from '../graph/operators.ts';
import { PROVIDERS } from '../session/engine-choice.ts';
import { createSession } from '../session/session.ts';
import type { ProbeAnswer } from './probe.ts';

const SHAPE = [1, 3, 8, 8];
const GRAPHICS = /vulkan|libGLX|swiftshader|nvidia/i;

const orphaned = () => process.exit(1);
process.once('disconnect', orphaned);
await tell({ error: await attempt(), libraries: loadedLibraries() });
process.off('disconnect', orphaned);
process.disconnect?.();

async function attempt(): Promise<string | null> {
  try {
    const [provider, device] = process.argv.slice(2);
    const model = await encodeModel(probeGraph());
    const session = await createSession(model, z.enum(PROVIDERS).parse(provider), 1, Number(device));
    const length = SHAPE.reduce((product, axis) => product * axis, 1);
    await session.run({ input: new Tensor('float32', new Float32Array(length), SHAPE) });
    await session.release();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function probeGraph() {
  const builder = new GraphBuilder('probe');
  const input = builder.input('input', 'float32', SHAPE);
  builder.output(leakyRelu(builder, 'output', input, 0.01), 'float32', SHAPE);
  return builder.build();
}

function loadedLibraries(): string[] {
  try {
    const paths = readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .map((line) => line.slice(line.indexOf('/')));
    return [...new Set(paths)].filter((path) => path.startsWith('/') && GRAPHICS.test(path));
  } catch {
    return [];
  }
}

function tell(answer: ProbeAnswer): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(answer, undefined, undefined, () => resolve());
  });
}
