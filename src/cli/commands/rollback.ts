import { releaseNumber } from '../arguments.ts';
import type { Run } from '../command.ts';
import { newestEntry } from '../entries.ts';
import { followRollout } from '../follow-rollout.ts';
import { duration } from '../render/amounts.ts';
import { fleetLines, releasesOf } from '../render/fleet.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const service = args.required('SERVICE');
  const to = args.text('to');
  const [before, after] = await Promise.all([client.status({ service }), newestEntry(client)]);
  const started = context.now();
  const input = {
    service,
    by: context.by,
    pastNoReturn: args.flag('pastNoReturn'),
    ...(to === undefined ? {} : { to: releaseNumber(to) }),
  };
  const asked = await client.rollback(input);
  const around = { terminal: context.terminal, now: context.now() };
  const { fleet } = asked;
  const { outcome, release } = asked.asked;
  if (outcome === 'unchanged') return { document: asked, lines: [`${fleet}   r${release} serves already`] };
  if (release === null || args.declined('wait')) return { document: asked, lines: fleetLines(asked, around) };

  if (!context.json) context.terminal.write(`${fleet}   ${releasesOf({ serving: before.serving, target: release })}\n`);
  const status = await followRollout(client, { fleet, release, after, joined: outcome === 'joined' }, context);
  const now = context.now();
  const verdict = `${context.terminal.paint('green', '✓')} r${release} serves again   ${duration(now - started)}`;
  return { document: status, lines: [...fleetLines(status, { ...around, now }).slice(1), `  ${verdict}`] };
};
