/** What a second bake showed, as text: what was different there, and each difference with its cause and its fix. */
import type { ReproductionBody } from '../../client/client.ts';
import { shortDigest } from '../../domain/digest.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { counted, duration } from './amounts.ts';
import { cut } from './table.ts';
import { wrapped } from './wrapped.ts';

type Difference = ReproductionBody['differences'][number];

/** So many causes, and files of one cause, are shown; --json has more. */
const CAUSES = 12;
const FILES = 5;

export function reproductionLines(result: ReproductionBody, terminal: Terminal): readonly string[] {
  const verdict = result.same
    ? terminal.paint('green', 'reproducible: the second bake made the same image')
    : terminal.paint('red', `not reproducible: the second bake made ${shortDigest(result.second)}`);
  const variations = result.variations.flatMap(({ what, varied, how }) =>
    wrapped(`  ${varied ? '≠' : '='} ${what.padEnd(10)}  `, harmless(how), terminal.columns),
  );
  return [`${verdict} (${duration(result.ms)})`, ...variations, ...differenceLines(result, terminal)];
}

/** By cause, because one cause has one fix, however many files it shows in. */
function differenceLines({ differences, more }: ReproductionBody, terminal: Terminal): readonly string[] {
  const groups = [...Map.groupBy(differences, ({ cause, why, step }) => `${cause ?? ''}\n${why}\n${step ?? ''}`).values()];
  const hidden = more + groups.slice(CAUSES).flat().length;
  return [
    ...groups.slice(0, CAUSES).flatMap((group) => groupLines(group, terminal)),
    ...(hidden > 0 ? [`and ${counted(hidden, 'difference')} more; --json lists the first`] : []),
  ];
}

function groupLines(group: readonly Difference[], terminal: Terminal): readonly string[] {
  const [first] = group;
  if (first === undefined) return [];
  const files = group.map(
    ({ path, what }) => `      ${harmless(path === null ? 'configuration' : `/${path}`)}  ${what.join(', ')}`,
  );
  const rest = files.length - FILES;
  return [
    ...wrapped(`  ${terminal.paint('red', '✗')} `, harmless(first.why), terminal.columns),
    ...files.slice(0, FILES),
    ...(rest > 0 ? [`      and ${counted(rest, 'file')} more`] : []),
    ...(first.step === null ? [] : [cut(`    step: ${harmless(first.step)}`, terminal.columns)]),
    ...wrapped(`    ${terminal.paint('cyan', 'fix')}: `, harmless(first.fix), terminal.columns),
  ];
}
