import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Sends a signal to a process, which may have ended already. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

/** Whether the process is there and has not ended. */
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

/** The processes whose parent is `pid`: by /proc where there is one, else by ps. */
export function getChildren(pid: number): number[] {
  const parents: [number, number][] = [];
  try {
    for (const entry of readdirSync('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      try {
        const [, parent] = /^\S+ (\d+)/.exec(readFileSync(`/proc/${entry}/stat`, 'utf8').replace(/^.*\) /s, '')) ?? [];
        parents.push([Number(entry), Number(parent)]);
      } catch {
        // It has ended in the meantime.
      }
    }
  } catch {
    const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
    for (const line of stdout.trim().split('\n'))
      parents.push(line.trim().split(/\s+/).map(Number) as [number, number]);
  }
  return parents.filter(([, parent]) => parent === pid).map(([child]) => child);
}
