// Opens a session on one execution provider and reports the outcome to its parent: drivers write to stderr as they like,
// and one that crashes takes only this process with it.
// Arguments: the model, the provider.
import { z } from 'zod';
import { openSession, PROVIDERS } from '../../../toolkit/onnx/session/session.ts';

const [model = '', name] = process.argv.slice(2);
try {
  const { session } = await openSession(model, { provider: z.enum(PROVIDERS).parse(name), threads: 1 });
  await session.release();
  process.send?.({ error: null });
} catch (error) {
  process.send?.({ error: error instanceof Error ? error.message : String(error) });
}
