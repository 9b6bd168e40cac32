#!/usr/bin/env node
// TypeScript runs as it is, through tsx: there is no build step, and nothing that can be stale.
import { register } from 'tsx/esm/api';

register();
await import('../client.ts');
