/** The status of fleets as text: what runs, what happens, why it waits, when it gives up, what to type next. */
import { environmentOf, serviceOf } from '../../domain/ids.ts';
import type { FleetStatusBody } from '../../client/client.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { age, counted, duration, share } from './amounts.ts';
import { driftLines } from './configuration.ts';
import { metricLines } from './metrics.ts';
import { table } from './table.ts';
import { taskLines } from './tasks.ts';

type GroupStatus = FleetStatusBody['groups'][number];

/** What is the same for all fleets on one screen. */
export interface Surroundings {
  readonly terminal: Terminal;
  readonly now: number;
}

/** Something is under way, or asks for a person. */
export const isMoving = ({ phase, trouble, groups }: FleetStatusBody): boolean =>
  (phase !== 'steady' && phase !== 'empty') || trouble !== null || groups.some(({ revoked }) => revoked !== null);

export function fleetLines(fleet: FleetStatusBody, around: Surroundings): readonly string[] {
  const { terminal, now } = around;
  const state = `${fleet.paused ? 'paused' : fleet.phase} for ${duration(now - fleet.since)}`;
  const head = [terminal.paint('bold', fleet.fleet), releasesOf(fleet), state];
  if (fleet.listen !== null) head.push(urlOf(fleet.listen));
  return [
    head.join('   '),
    ...glassLines(fleet, around.terminal),
    ...groupLines(fleet, around),
    ...taskLines(fleet, terminal),
    ...(fleet.preview === null ? [] : [`  preview at ${urlOf(fleet.preview)}`]),
    ...scalingLines(fleet, around),
    ...metricLines(fleet, around),
    ...situationLines(fleet, around),
    ...driftLines(fleet, terminal),
    ...(isMoving(fleet) ? [terminal.paint('dim', `    ${nextSteps(fleet)}`)] : []),
  ];
}

/** Loud for as long as it serves. */
function glassLines({ brokenGlass }: FleetStatusBody, terminal: Terminal): readonly string[] {
  if (brokenGlass === null) return [];
  const { reason, by, overruled } = brokenGlass;
  return [
    `  ${terminal.paint('red', '✗')} BREAK-GLASS by ${harmless(by)}: ${harmless(reason)} (without ${overruled.map(harmless).join(', ')})`,
  ];
}

/** `4 instances of 2 to 10: 212 % of CPU for 60 each asks for 6: the last change is too recent, 12 s to go`. */
function scalingLines({ size, scaling }: FleetStatusBody, { terminal, now }: Surroundings): readonly string[] {
  if (scaling === null) return [];
  const { min, max, why, until } = scaling;
  const left = until === null ? '' : `, ${duration(until - now)} to go`;
  return [`  ${terminal.paint('dim', '·')} ${counted(size, 'instance')} of ${min} to ${max}: ${harmless(why)}${left}`];
}

/** Why it waits and when it gives up, what is wrong, how the last rollout ended where that was not as asked. */
function situationLines(
  { waits, trouble, ended, phase, canary }: FleetStatusBody,
  { terminal, now }: Surroundings,
): readonly string[] {
  const lines = waits.map(({ reason, until, otherwise }) => {
    const limit =
      until === null ? `; ${harmless(otherwise)}` : `; ${harmless(otherwise)} in ${duration(Math.max(0, until - now))}`;
    return `  ${terminal.paint('yellow', '●')} ${harmless(reason)}${limit}`;
  });
  const judged = canary?.verdict;
  if (judged) lines.push(`  ${terminal.paint('dim', '·')} the judge: ${judged.verdict}, ${harmless(judged.why)}`);
  if (trouble !== null) lines.push(`  ${terminal.paint('red', '✗')} ${harmless(trouble)}`);
  if (phase === 'steady' && ended?.outcome === 'rolled-back') {
    lines.push(
      `  ${terminal.paint('yellow', '●')} the last rollout was rolled back ${age(ended.at, now)}: ${harmless(ended.reason)}`,
    );
  }
  return lines;
}

/** `r8`, or on the way `r7 → r8`. */
export function releasesOf({ serving, target }: Pick<FleetStatusBody, 'serving' | 'target'>): string {
  if (serving === target) return serving === null ? 'no release' : `r${serving}`;
  return `${serving === null ? 'nothing' : `r${serving}`} → ${target === null ? 'nothing' : `r${target}`}`;
}

export const urlOf = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  `http://${host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host}:${port}`;

function groupLines(fleet: FleetStatusBody, { terminal, now }: Surroundings): readonly string[] {
  return fleet.groups
    .toSorted((a, b) => b.release - a.release)
    .flatMap((group) => {
      const counts = group.size === 0 ? `${group.running} retiring` : `${group.healthy} of ${group.size} healthy`;
      const warm = group.warmUntil === null ? '' : `   ${keptFor(group, duration(group.warmUntil - now))}`;
      const traffic = `${share(group.weight).padStart(7)} of traffic${besides(fleet, group)}`;
      const facts = `${`r${group.release}`.padEnd(5)} ${counts.padEnd(18)} ${traffic}${warm}`;
      return [`  ${markOf(group, terminal)} ${facts}`, ...troubleLines(group, now), ...instanceLines(fleet, group)];
    });
}

/** After a recreate nothing of the way back runs: it would be launched anew. */
const keptFor = ({ size }: GroupStatus, time: string): string =>
  size === 0 ? `cold way back for ${time}` : `kept warm for ${time}`;

/** What a canary has besides its share. */
function besides({ target, canary }: FleetStatusBody, { release }: GroupStatus): string {
  if (canary === null || release !== target || (canary.kind !== 'match' && canary.kind !== 'mirror')) return '';
  return `, a canary ${harmless(canary.what)}`;
}

function markOf(group: GroupStatus, terminal: Terminal): string {
  if (group.size === 0) return terminal.paint('dim', '○');
  if (group.healthy >= group.size) return terminal.paint('green', '✓');
  return group.failures > 0 ? terminal.paint('red', '✗') : terminal.paint('yellow', '●');
}

function troubleLines(group: GroupStatus, now: number): readonly string[] {
  const lines: string[] = group.revoked === null ? [] : [`      image ${harmless(group.revoked)}`];
  if (group.healthy >= group.size) return lines;
  if (group.failures > 0) {
    const last = group.lastFailure === null ? '' : `, the last: ${harmless(group.lastFailure)}`;
    lines.push(`      ${group.failures} failed${last}`);
  }
  if (group.brakedUntil !== null && group.brakedUntil > now) {
    lines.push(`      keeps failing, so the next launch waits ${duration(group.brakedUntil - now)}`);
  }
  return lines;
}

/** Only those that a person may have to look at. */
const instanceLines = ({ instances }: FleetStatusBody, { release }: GroupStatus): readonly string[] =>
  instances
    .filter((instance) => instance.release === release && instance.health !== 'healthy')
    .map(({ id, health, detail }) => `      ${id}   ${health}${detail === null ? '' : `: ${harmless(detail)}`}`);

function nextSteps({ fleet, paused, phase, canary, checkpoint, tasks }: FleetStatusBody): string {
  const service = serviceOf(fleet);
  const watch = `kiln status ${service} --watch`;
  if (phase !== 'advancing') return [watch, `kiln logs ${service}`].join(' · ');
  const waiting = tasks.find(({ state, at }) => state === 'running' && at !== 'after');
  const approve = waiting?.kind === 'approval' ? [`kiln approve ${service}`] : [];
  const promote = waiting !== undefined || (canary === null && checkpoint === null) ? [] : [`kiln promote ${service}`];
  return [watch, ...approve, ...promote, `kiln ${paused ? 'resume' : 'pause'} ${service}`, `kiln abort ${service}`].join(' · ');
}

/** All fleets, a line each; then the whole of those that are moving. */
export function fleetsLines(fleets: readonly FleetStatusBody[], around: Surroundings): readonly string[] {
  if (fleets.length === 0) return ['Nothing is deployed. Next: kiln deploy DIR'];
  const rows = fleets.map((fleet) => [
    serviceOf(fleet.fleet),
    environmentOf(fleet.fleet),
    releasesOf(fleet),
    healthOf(fleet),
    fleet.paused ? 'paused' : fleet.phase,
    fleet.listen === null ? '' : urlOf(fleet.listen),
  ]);
  const columns = ['SERVICE', 'ENV', 'RELEASE', 'HEALTHY', 'STATE', 'ADDRESS'].map((title) => ({
    title,
    flexible: true as const,
  }));
  const overview = table(columns, rows, around.terminal.columns);
  return [
    ...overview,
    ...fleets.flatMap((fleet) =>
      isMoving(fleet) || fleet.brokenGlass !== null || fleet.drift.length > 0 ? ['', ...fleetLines(fleet, around)] : [],
    ),
  ];
}

function healthOf(fleet: FleetStatusBody): string {
  const groups = fleet.groups.filter(({ release }) => release === fleet.target || release === fleet.serving);
  return `${groups.reduce((sum, { healthy }) => sum + healthy, 0)}/${fleet.size}`;
}
