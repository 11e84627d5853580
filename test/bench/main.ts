import { type ConfigurationName, TITLES } from './configurations.js';
import { openConnection } from './connection.js';
import { keepAwake, measure, type Round, warmUp } from './load.js';
import { type Plan, planOf } from './plan.js';
import { report } from './report.js';
import { createSample, type Model, type Sample } from './sample.js';
import { pinClient, type ServerProcess, startServer } from './server-process.js';
import { takeModel } from './transfer.js';

/** Runs the benchmark and prints its tables. The exit code: 1 if something failed, 0 whatever the figures are. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const plan = planOf(args);
    const pinned = pinClient();
    console.log(
      `Node ${process.versions.node}, ${plan.rounds} rounds of ${plan.roundMs / 1000} s, ` +
        `${pinned ? 'server and client on a core each' : 'NOT pinned to cores: rough figures'}`,
    );
    const sleep = keepAwake();
    try {
      console.log(`\n${report(await run(plan, pinned))}`);
    } finally {
      sleep();
    }
    return 0;
  } catch (error) {
    console.error(error);
    return 1;
  }
}

async function run(plan: Plan, pinned: boolean): Promise<Map<ConfigurationName, Round[]>> {
  const sample = createSample();
  const model = await modelOfRelay(plan, sample, pinned);
  const servers = new Map<ConfigurationName, ServerProcess>();
  const results = new Map<ConfigurationName, Round[]>(plan.configurations.map((name) => [name, []]));
  try {
    for (const configuration of plan.configurations) {
      const dist = configuration.startsWith('against') ? (plan.againstDist ?? plan.dist) : plan.dist;
      const server = await startServer({ configuration, dist, sample, model }, pinned);
      servers.set(configuration, server);
      await warmUp(server, sample, plan.warmUp);
    }
    for (let round = 0; round < plan.rounds; round += 1) {
      // There and back again: a machine that grows slower or faster then favours nobody.
      for (const [name, server] of round % 2 === 0 ? servers : [...servers].reverse()) {
        const measured = await measure(server, sample, plan.roundMs);
        results.get(name)?.push(measured);
        console.log(`round ${round + 1}  ${TITLES[name].padEnd(32)} ${measured.cpu.toFixed(1).padStart(6)} µs`);
      }
    }
  } finally {
    for (const server of servers.values()) await server.stop();
  }
  return results;
}

/** The answers of a real relay, so that ceilings send what it sends, whatever that will be in later releases. */
async function modelOfRelay({ dist }: Plan, sample: Sample, pinned: boolean): Promise<Model> {
  const server = await startServer({ configuration: 'node', dist, sample }, pinned);
  const connection = await openConnection(server.port);
  try {
    return await takeModel(connection, sample);
  } finally {
    connection.close();
    await server.stop();
  }
}
