/** Patches as text. */
import type { PatchPlanBody, PatchStatusBody } from '../../client/client.ts';
import { shortDigest } from '../../domain/digest.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { counted, duration } from './amounts.ts';
import { resultLine } from './cascade.ts';
import { table } from './table.ts';

type Step = PatchPlanBody['steps'][number];
type Result = PatchStatusBody['results'][number];
type FleetResult = PatchStatusBody['rollouts'][number];
type Left = PatchStatusBody['left'];

/** What has it, and what of that is in use. */
export function headLines(plan: PatchPlanBody, { paint }: Terminal): readonly string[] {
  const { cve, images, fleets, unjudged, doubts, harmless: stated } = plan;
  const asides = [
    ...stated.map(({ image, file, why }) => ['○', `image ${shortDigest(image)}: does no harm, says ${file}: ${why}`] as const),
    ...[...unjudgedOf(unjudged), ...doubts].map((doubt) => [paint('yellow', '●'), doubt] as const),
  ].map(([mark, text]) => `  ${mark} ${harmless(text)}`);
  if (images.length === 0) return [`${cve}: no image here has it.`, ...asides];
  const found = packagesOf(plan);
  const runs = `${counted(images.length, 'image')} of this machine ${images.length === 1 ? 'has' : 'have'} it; ${counted(instancesOf(plan), 'instance')} in ${counted(fleets.length, 'fleet')} run with it.`;
  const isIdle = images.every(({ channels, fleets: running }) => channels.length + running.length === 0);
  const idle = isIdle ? ['None of them runs or is held by a channel: there is nothing to do.'] : [];
  return [`${paint('bold', cve)}   ${found[0] ?? ''}`, ...found.slice(1).map((each) => `    ${each}`), runs, ...idle, ...asides];
}

/** How many images a line names. */
const NAMED = 3;

/** A line for each reason: what keeps one image from being judged mostly keeps all from it that stand on the same. */
function unjudgedOf(unjudged: PatchPlanBody['unjudged']): readonly string[] {
  const groups = Map.groupBy(unjudged, ({ why }) => why.replaceAll(/\b(?:sha256:)?[0-9a-f]{8,64}\b/g, '…'));
  return [...groups].map(([why, all]) => {
    const images = [...new Set(all.map(({ image }) => shortDigest(image)))];
    const [only] = all;
    if (images.length === 1) return `image ${images.join('')} can't be judged: ${all.length === 1 ? (only?.why ?? why) : why}`;
    const rest = images.length > NAMED ? ', …' : '';
    return `${images.length} images can't be judged (${images.slice(0, NAMED).join(', ')}${rest}): ${why}`;
  });
}

/** Each package once, with what mends it. */
function packagesOf({ images }: PatchPlanBody): readonly string[] {
  const all = images.flatMap(({ packages }) => packages);
  const summary = all.find((each) => each.summary !== '')?.summary ?? '';
  const names = all.map(({ name, installed, fixed, severity }) => {
    const mended = fixed === null ? 'no fixed version available yet' : `mended in ${fixed}`;
    return `${name} ${installed}: ${mended} (${severity})`;
  });
  return [...new Set([...names, ...(summary === '' ? [] : [summary])])].map(harmless);
}

const instancesOf = ({ left }: PatchPlanBody): number => left.reduce((sum, { instances }) => sum + instances, 0);

export function patchPlanLines(plan: PatchPlanBody, terminal: Terminal, now: number): readonly string[] {
  const { steps, fleets, left, images } = plan;
  const head = headLines(plan, terminal);
  const stuck = stuckLines(plan, terminal);
  if (steps.length + fleets.length + stuck.length === 0) return head;
  const kept = left.filter(({ warmUntil }) => warmUntil !== null);
  const unused = images.filter((each) => each.channels.length === 0 && each.fleets.length === 0);
  const parts: readonly (readonly string[])[] = [
    steps.length === 0 ? [] : stepTable(steps, terminal),
    fleets.some((each) => each.stuck === null) ? fleetTable(plan, terminal) : [],
    stuck,
    leftLines(kept, terminal, now),
    unused.length === 0
      ? []
      : [`Of no use to any fleet or channel, and left as they are: ${unused.map(({ image }) => shortDigest(image)).join(', ')}`],
    ['Nothing was changed. Without --plan it is done, in this order.'],
  ];
  return [...head, ...parts.flatMap((lines) => (lines.length === 0 ? [] : ['', ...lines]))];
}

/** What nothing can be done for: fleets that say why, and channels that hold what was not baked here. */
function stuckLines({ steps, fleets, images }: PatchPlanBody, { paint }: Terminal): readonly string[] {
  const moved = new Set(steps.flatMap(({ channels }) => channels));
  const held = images.flatMap(({ image, channels }) =>
    channels.filter((name) => !moved.has(name)).map((name) => [name, shortDigest(image)] as const),
  );
  return [
    ...fleets
      .filter(({ stuck }) => stuck !== null)
      .map(({ fleet, release, stuck }) => `${fleet} r${release}: ${harmless(stuck ?? '')}`),
    ...held.map(
      ([name, image]) =>
        `${name}: image ${image} was not baked on this machine; set it to a mended one: kiln channel set ${name} IMAGE`,
    ),
  ].map((line) => `  ${paint('red', '✗')} ${line}`);
}

function stepTable(steps: readonly Step[], terminal: Terminal): readonly string[] {
  const rows = steps.map((step, index) => [String(index + 1), step.service, shortDigest(step.image), whatOf(step)]);
  const columns = [
    { title: '', align: 'right' as const },
    { title: 'SERVICE' },
    { title: 'IMAGE' },
    { title: 'WHAT IS DONE', flexible: true as const },
  ];
  return table(columns, rows, terminal.columns);
}

function whatOf({ stuck, mended, folder, channels }: Step): string {
  if (stuck !== null) return harmless(`nothing: ${stuck}`);
  const what = mended ? 'taken as it is: it does not have it' : `baked again in ${folder}`;
  return harmless(channels.length === 0 ? what : `${what}; then ${channels.join(', ')}`);
}

function fleetTable({ fleets, left }: PatchPlanBody, terminal: Terminal): readonly string[] {
  const rows = fleets
    .filter(({ stuck }) => stuck === null)
    .map(({ fleet, release, key, channel }) => [
      fleet,
      `r${release}`,
      String(left.filter((each) => each.fleet === fleet).reduce((sum, { instances }) => sum + instances, 0)),
      key === null ? 'is mended; what it replaced goes by itself' : `rolled out${channel === null ? '' : ` of ${channel}`}`,
    ]);
  const columns = [
    { title: 'FLEET' },
    { title: 'RELEASE' },
    { title: 'RUN WITH IT', align: 'right' as const },
    { title: 'WHAT IS DONE', flexible: true as const },
  ];
  return table(columns, rows, terminal.columns);
}

export function stepResultLine(result: Result, terminal: Terminal): string {
  const packages = (result.mended ?? []).map(({ name, from, to }) => `${name} ${from} → ${to ?? 'gone'}`);
  return `${resultLine(result, terminal)}${packages.length === 0 ? '' : `   ${harmless(packages.join(', '))}`}`;
}

const MARKS = {
  mended: ['green', '✓'],
  stuck: ['red', '✗'],
  'rolled-back': ['red', '✗'],
  attention: ['red', '✗'],
} as const;

export function fleetResultLine({ fleet, outcome, release, why }: FleetResult, { paint }: Terminal): string {
  const [colour, mark] = MARKS[outcome];
  const serves = release === null ? '' : ` r${release}`;
  const word = outcome === 'mended' ? 'serves' : outcome === 'attention' ? 'a person is needed' : outcome;
  return `  ${paint(colour, mark)} ${fleet}${serves}   ${word}${why === '' ? '' : `: ${harmless(why)}`}`;
}

/** What runs yet of what has it. */
export const leftLines = (left: Left, { paint }: Terminal, now: number): readonly string[] =>
  left.map(({ fleet, release, instances, warmUntil }) => {
    const until = warmUntil === null ? '' : `, kept as the way back for ${duration(warmUntil - now)} more`;
    return `  ${paint('yellow', '●')} ${fleet} r${release}: ${counted(instances, 'instance')} with it${until}`;
  });

/** What a patch has come to, when it has ended. */
export function endLines({ cve, results, left }: PatchStatusBody, terminal: Terminal, now: number): readonly string[] {
  const count = left.reduce((sum, { instances }) => sum + instances, 0);
  const made = results.filter(({ outcome }) => outcome === 'made').length;
  return [
    count === 0
      ? `No instance with ${cve} is left.`
      : `${counted(count, 'instance')} with ${cve} ${count === 1 ? 'is' : 'are'} left:`,
    ...leftLines(left, terminal, now),
    ...(made === 0 ? [] : [`    commit the kiln.lock files that moved`]),
    ...(count === 0 ? [] : [`    see to what is said above, then: kiln patch ${cve}`]),
  ];
}
