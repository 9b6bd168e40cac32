const children = new Set<number>();

/** Registers a process that must not outlive this one, even if a second signal ends the command at once. */
export function endWithCommand(pid: number | undefined): void {
  if (pid !== undefined) children.add(pid);
}

/** Forgets a process that has ended: its PID may be reused. */
export function forgetProcess(pid: number | undefined): void {
  if (pid !== undefined) children.delete(pid);
}

/** Kills the processes that must not outlive this one. */
export function killChildProcesses(): void {
  for (const pid of children) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has already ended.
    }
  }
}
