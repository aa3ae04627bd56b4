/** Logs of an instance or job, or of all those of a service, merged as they come. */
import type { Handlers, LogLineBody } from '../api/schema.ts';
import { fleetOf, groupOf, isContainerId, serviceOf, type ContainerId, type FleetId } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';
import { resolveFleet } from './names.ts';
import { newsOf } from './news.ts';
import type { Parts } from './parts.ts';

type LogVerbs = Pick<Handlers, 'logs'>;
type Context = Parameters<Handlers['logs']>[1];

export function logVerbs(parts: Parts): LogVerbs {
  return {
    async logs({ target, follow, lines }, ctx) {
      const instance = isContainerId(target) ? target : null;
      if (instance !== null) await requireKnown(parts, instance, ctx);
      if (instance !== null && follow) await followOne(parts, instance, lines, ctx);
      else if (instance !== null) await sendLast(parts, [instance], lines, ctx);
      else {
        const fleet = resolveFleet(target, parts.fleets.list());
        if (follow) await followFleet(parts, fleet, lines, ctx);
        else await sendLast(parts, await parts.logs.instances(fleet), lines, ctx);
      }
      return {};
    },
  };
}

/** One that runs, or whose logs were kept. */
async function requireKnown({ logs, engine }: Parts, instance: ContainerId, ctx: Context): Promise<void> {
  const fleet = fleetOf(groupOf(instance));
  if ((await logs.instances(fleet)).includes(instance)) return;
  const running = [...(await engine.instances(fleet, ctx)), ...(await engine.jobs(fleet, ctx))];
  if (running.some(({ id }) => id === instance)) return;
  throw new KilnError('NOT_FOUND', `there is no instance ${instance}, and no log of it`, {
    hint: `\`kiln logs ${serviceOf(fleet)}\` shows those that there are`,
  });
}

/** In the order of their times, over all instances. */
async function sendLast(
  parts: Parts,
  instances: readonly ContainerId[],
  count: number,
  { signal, emit }: Context,
): Promise<void> {
  const lines: LogLineBody[] = [];
  for (const instance of instances) {
    for await (const line of parts.logs.read(instance, { follow: false, lines: count, signal }))
      lines.push({ instance, ...line });
  }
  const last = count === 0 ? [] : lines.toSorted((a, b) => a.at - b.at).slice(-count);
  for (const line of last) await emit(line);
}

async function followOne(parts: Parts, instance: ContainerId, lines: number, { signal, emit }: Context): Promise<void> {
  for await (const line of parts.logs.read(instance, { follow: true, lines, signal })) await emit({ instance, ...line });
}

/** What runs now, the last `lines` of each, and from its first line what is launched later. Ends when the caller goes away. */
async function followFleet(parts: Parts, fleet: FleetId, lines: number, ctx: Context): Promise<void> {
  const following = new Set<ContainerId>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {}); // Once the caller has gone, nobody waits for it.
  // Nothing is launched without an entry in the journal.
  const news = newsOf(parts.journal, ctx.signal);
  try {
    for (let last = lines; !ctx.signal.aborted; last = Number.MAX_SAFE_INTEGER) {
      const instances = [...(await parts.engine.instances(fleet, ctx)), ...(await parts.engine.jobs(fleet, ctx))];
      for (const { id } of instances.filter((each) => !following.has(each.id))) {
        following.add(id);
        followOne(parts, id, last, ctx).catch(failed.reject);
      }
      await Promise.race([news.next(), failed.promise]);
    }
  } finally {
    news.stop();
  }
}
