import { z } from 'zod';
/** What the cache remembers of an inference. */
const Facts = z.object({ provider: z.string(), seconds: z.number(), notes: z.array(z.string()) });
export function readFacts({ facts }) {
    return Facts.parse(facts);
}
