#!/usr/bin/env node
// TypeScript runs as it is, through tsx: there is no build step, and nothing that can be stale.
import { register } from 'tsx/esm/api';

// ONNX Runtime tells its makers of every session, unless it reads this when it is loaded; child processes inherit it.
process.env.ORT_DISABLE_TELEMETRY ??= '1';
register();
await import('../client.ts');
