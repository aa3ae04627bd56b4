/** All verbs behind the API, over the daemon's parts. */
import type { Handlers } from '../api/schema.ts';
import { type FleetId } from '../domain/ids.ts';
import type { CallContext, Problem } from '../engines/engine.ts';
import { version } from '../platform/version.ts';
import { cascadeVerbs } from './cascade-verbs.ts';
import { channelVerbs } from './channel-verbs.ts';
import { chaosVerbs } from './chaos-verbs.ts';
import { configurationVerbs } from './configuration.ts';
import { deployVerbs } from './deploy-verbs.ts';
import { diffVerbs } from './diff-verbs.ts';
import { evidenceVerbs } from './evidence-verbs.ts';
import { fleetVerbs } from './fleet-verbs.ts';
import { gcVerbs } from './gc-verbs.ts';
import { historyVerbs } from './history-verbs.ts';
import { imageVerbs } from './image-verbs.ts';
import { logVerbs } from './log-verbs.ts';
import { metricsText, type FleetMetrics } from './metrics.ts';
import { notificationProblems, notificationVerbs } from './notification-verbs.ts';
import { packageVerbs } from './package-verbs.ts';
import type { Parts } from './parts.ts';
import { patchVerbs } from './patch-verbs.ts';
import { registryVerbs } from './registry-verbs.ts';
import { metOf } from './requirements.ts';
import { revocationVerbs } from './revocation-verbs.ts';
import { retireUnexplained, unexplainedProblems } from './unexplained.ts';
import { vulnerabilityVerbs } from './vulnerability-verbs.ts';
import { wavesVerbs } from './waves-verbs.ts';

/** How often a shutdown that stops looks whether all instances have gone. */
const STOP_POLL_MS = 100;

export function kilnVerbs(parts: Parts): Handlers {
  return {
    ...imageVerbs(parts),
    ...registryVerbs(parts),
    ...notificationVerbs(parts),
    ...packageVerbs(parts),
    ...vulnerabilityVerbs(parts),
    ...diffVerbs(parts),
    ...cascadeVerbs(parts),
    ...patchVerbs(parts),
    ...channelVerbs(parts),
    ...configurationVerbs(parts),
    ...gcVerbs(parts),
    ...revocationVerbs(parts),
    ...deployVerbs(parts),
    ...wavesVerbs(parts),
    ...evidenceVerbs(parts),
    ...chaosVerbs(parts),
    ...fleetVerbs(parts),
    ...historyVerbs(parts),
    ...logVerbs(parts),
    ...selfVerbs(parts),
  };
}

function selfVerbs(parts: Parts): Pick<Handlers, 'health' | 'doctor' | 'metrics' | 'shutdown' | 'start'> {
  const { home, startedAt, clock, fleets } = parts;
  return {
    health: async () => ({ version: version(), pid: process.pid, home: home.root, startedAt }),
    async doctor(_, ctx) {
      const problems = await allProblems(parts, ctx);
      return { problems, met: metOf(problems) };
    },
    async metrics(_, ctx) {
      const uptimeSeconds = (clock.now() - startedAt) / 1000;
      const perFleet = await Promise.all(fleets.list().map((fleet) => fleetMetrics(parts, fleet, ctx)));
      return metricsText(perFleet, { uptimeSeconds, rssBytes: process.memoryUsage.rss() });
    },
    async shutdown({ stop, by }, ctx) {
      const stopped = stop ? await stopAll(parts, by, ctx) : [];
      parts.stop();
      return { stopped };
    },
    async start({ by }, ctx) {
      const stopped = fleets.list().filter((fleet) => fleets.state(fleet).life === 'stopped');
      await Promise.all(stopped.map((fleet) => fleets.command(fleet, { kind: 'start' }, by)));
      return { started: stopped, problems: await unexplainedProblems(parts, ctx) };
    },
  };
}

async function allProblems(parts: Parts, ctx: CallContext): Promise<readonly Problem[]> {
  const configuration = await parts.configuration.check();
  return [
    ...(await parts.engine.check(ctx)),
    ...(await parts.checkMachine()),
    ...(configuration === null ? [] : [{ what: configuration.message, hint: configuration.hint, fatal: false }]),
    ...(await notificationProblems(parts)),
    ...(await unexplainedProblems(parts, ctx)),
  ];
}

async function fleetMetrics({ fleets, engine, balancer, drift }: Parts, fleet: FleetId, ctx: CallContext): Promise<FleetMetrics> {
  const asked = [engine.observe(fleet, ctx), balancer.metrics(fleet, ctx), engine.usage(fleet, ctx)] as const;
  const [observed, traffic, usage] = await Promise.all(asked);
  return { state: fleets.state(fleet), observed, traffic, usage, drifted: drift.known(fleet).length };
}

/** Drains every fleet, and what no history explains; resolves when no instance is left. A caller who goes away stops the waiting, not the stopping. */
async function stopAll(parts: Parts, by: string, ctx: CallContext): Promise<readonly FleetId[]> {
  const { fleets, engine, clock } = parts;
  const all = fleets.list();
  const unexplained = await retireUnexplained(parts, by, ctx);
  await Promise.all(all.map((fleet) => fleets.command(fleet, { kind: 'stop' }, by)));
  const left = async (fleet: FleetId): Promise<boolean> =>
    (await engine.instances(fleet, ctx)).length + (await engine.jobs(fleet, ctx)).length > 0;
  while ((await Promise.all(all.map(left))).some(Boolean)) await clock.sleep(STOP_POLL_MS, ctx.signal);
  return [...new Set([...all, ...unexplained])];
}
