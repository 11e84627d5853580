import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Ignores a process that has ended already. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The process has ended.
  }
}

/** True if the process exists and is not a zombie. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch {
    return false;
  }
}

function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/, ''));
  } catch {
    return false;
  }
}

/** Returns the children of a process, from /proc or else from ps. */
export function getChildren(pid: number): number[] {
  const parents: [number, number][] = [];
  try {
    for (const entry of readdirSync('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      try {
        const [, parent] = /^\S+ (\d+)/.exec(readFileSync(`/proc/${entry}/stat`, 'utf8').replace(/^.*\) /s, '')) ?? [];
        parents.push([Number(entry), Number(parent)]);
      } catch {
        // The process has ended in the meantime.
      }
    }
  } catch {
    const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
    for (const line of stdout.trim().split('\n'))
      parents.push(line.trim().split(/\s+/).map(Number) as [number, number]);
  }
  return parents.filter(([, parent]) => parent === pid).map(([child]) => child);
}
