// Makes the npm package: compiles with declarations, bundles the workflows, then `npm pack`.
// npm runs no `prepack` here, since .npmrc says `ignore-scripts`. Usage: npm run pack
import { spawnSync } from 'node:child_process';
import { buildPackage } from './build.js';

buildPackage();
const { workflowBundle } = await import('../dist/cli/workflow-bundle.js');
await workflowBundle();
const { status } = spawnSync('npm', ['pack', ...process.argv.slice(2)], { stdio: 'inherit', shell: true });
process.exitCode = status ?? 1;
