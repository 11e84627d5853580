import { once } from 'node:events';

/* The child's side of a child process that `child.ts` starts. The child ends when its parent does. */

/** The commands of a child. Arguments and results are JSON. */
// biome-ignore lint/suspicious/noExplicitAny: each command has its own argument.
export type Commands = Record<string, (argument?: any) => unknown>;

/** The settings that the parent sends first. */
export async function receiveSettings<Settings>(): Promise<Settings> {
  process.on('disconnect', () => process.exit());
  const [settings] = await once(process, 'message');
  return settings as Settings;
}

/** Reports to the parent that the child is ready, and runs the commands that it sends. */
export function serveParent(ready: object, commands: Commands): void {
  process.on('message', async ({ id, command, argument }: { id: number; command: string; argument?: unknown }) => {
    try {
      process.send?.({ id, value: await commands[command]?.(argument) });
    } catch (error) {
      process.send?.({ id, error: String(error) });
    }
  });
  process.send?.({ id: 0, value: ready });
}
