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
  const { fleet, target } = asked;
  const joined = before.target === target;
  if (target === null || args.declined('wait')) return { document: asked, lines: fleetLines(asked, around) };
  if (joined && before.phase === 'steady') return { document: asked, lines: [`${fleet}   r${target} serves already`] };

  if (!context.json) context.terminal.write(`${fleet}   ${releasesOf({ serving: before.serving, target })}\n`);
  const status = await followRollout(client, { fleet, release: target, after, joined }, context);
  const now = context.now();
  const verdict = `${context.terminal.paint('green', '✓')} r${target} serves again   ${duration(now - started)}`;
  return { document: status, lines: [...fleetLines(status, { ...around, now }).slice(1), `  ${verdict}`] };
};
