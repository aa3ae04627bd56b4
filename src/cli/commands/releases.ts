import type { FleetStatusBody, ReleaseBody } from '../../client/client.ts';
import { shortDigest } from '../../domain/digest.ts';
import type { Run } from '../command.ts';
import { age } from '../render/amounts.ts';
import { table } from '../render/table.ts';
import { harmless } from '../terminal.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const service = args.required('SERVICE');
  const [{ fleet, releases }, status] = await Promise.all([client.releases({ service }), client.status({ service })]);
  const rows = releases
    .toSorted((a, b) => b.number - a.number)
    .map((release) => [
      `r${release.number}`,
      stateOf(release, status),
      shortDigest(release.image),
      release.strategy,
      age(release.createdAt, context.now()),
      harmless(release.brokenGlass === null ? release.label : `BREAK-GLASS: ${release.brokenGlass.reason}`),
    ]);
  const titles = ['RELEASE', 'STATE', 'IMAGE', 'STRATEGY', 'MADE'].map((title) => ({ title }));
  return {
    document: { fleet, releases },
    lines: table([...titles, { title: 'LABEL', flexible: true }], rows, context.terminal.columns),
  };
};

function stateOf({ number }: ReleaseBody, { serving, target, groups }: FleetStatusBody): string {
  if (number === serving) return 'serves';
  if (number === target) return 'target';
  return groups.some(({ release, warmUntil }) => release === number && warmUntil !== null) ? 'warm' : '';
}
