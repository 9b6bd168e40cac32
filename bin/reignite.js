#!/usr/bin/env node
// Any Node since 12 must be able to read this file, so that an old one is refused in a sentence.
const [major, minor] = process.versions.node.split('.').map(Number);
const isSupported = major > 20 || (major === 20 && minor >= 19);

if (isSupported) {
  void import('./start.js');
} else {
  const code = 'NODE_TOO_OLD';
  const cause = `reignite needs Node.js 20.19 or newer; this is ${process.versions.node}.`;
  const remedy = 'Install Node.js 20.19 or newer from https://nodejs.org.';
  if (process.argv.includes('--json'))
    process.stdout.write(`${JSON.stringify({ error: { code, cause, remedy } }, null, 1)}\n`);
  else process.stderr.write(`error ${code}: ${cause}\n  ${remedy}\n`);
  process.exitCode = 1;
}
