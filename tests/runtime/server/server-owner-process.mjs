// The process that server-owner-process.ts starts and kills. JavaScript, because it is loaded without a loader.
import { startEmbeddedServer } from '../../../dist/runtime/server/embedded-server.js';

const [, , home, binary] = process.argv;
await startEmbeddedServer({ home, binary, ports: { grpc: 0, ui: 0 } });
process.send('started');
