/** Configuration that is kept elsewhere, as text: names and versions. No value ever gets here (law 10). */
import type { AnswerOf, FleetStatusBody } from '../../client/client.ts';
import { serviceOf } from '../../domain/ids.ts';
import { harmless, type Terminal } from '../terminal.ts';

type ReferenceState = FleetStatusBody['drift'][number];
type Change = AnswerOf<'planDeploy'>['configuration'][number];
type Pin = ReferenceState['pin'];

const SHORT = 8;
const LONGEST_VERSION = 12;

/** `version 7`; of what has no versions, enough of the keyed hash to tell two values apart. */
function pinText({ version, fingerprint }: Pin): string {
  if (version === null) return `value ${fingerprint.slice(0, SHORT)}`;
  return `version ${harmless(version.length > LONGEST_VERSION ? `${version.slice(0, SHORT)}…` : version)}`;
}

export function driftLines({ fleet, drift }: Pick<FleetStatusBody, 'fleet' | 'drift'>, terminal: Terminal): readonly string[] {
  if (drift.length === 0) return [];
  const lines = drift.map((each) => {
    const { to, from } = each;
    return `  ${terminal.paint('yellow', '●')} ${harmless(to)} has drifted: ${harmless(from)} ${whatIsThere(each)}`;
  });
  return [
    ...lines,
    terminal.paint('dim', `    kiln config ${serviceOf(fleet)} · kiln deploy makes a release of what is there now`),
  ];
}

function whatIsThere({ state, pin, now }: ReferenceState): string {
  if (state === 'gone' || now === null) return `is gone; the release has ${pinText(pin)}, kept sealed`;
  const isSame = now.version !== null && now.version === pin.version;
  return isSame ? `has another value in ${pinText(pin)}` : `is at ${pinText(now)}; the release has ${pinText(pin)}`;
}

/** What a deploy changes. */
export const changeLines = (changes: readonly Change[], terminal: Terminal): readonly string[] =>
  changes.map((change) => `  ${signOf(change, terminal)} ${harmless(change.to)}   ${moveText(change)}`);

function signOf({ was, is }: Change, terminal: Terminal): string {
  if (was === null) return terminal.paint('green', '+');
  return is === null ? terminal.paint('red', '-') : terminal.paint('yellow', '~');
}

function moveText({ was, is }: Change): string {
  const sides = [was, is].filter((side) => side !== null);
  const [first, second] = sides.map(({ from, pin }) => ({ from: harmless(from), pin: pinText(pin) }));
  if (first === undefined) return '';
  if (second === undefined) return `${first.from}   ${first.pin}`;
  return first.from === second.from
    ? `${first.from}   ${first.pin} → ${second.pin}`
    : `${first.from} (${first.pin}) → ${second.from} (${second.pin})`;
}

export function configurationLines(
  { fleet, release, references }: AnswerOf<'configuration'>,
  terminal: Terminal,
): readonly string[] {
  const head = `${terminal.paint('bold', fleet)}   ${release === null ? 'no release' : `r${release}`}`;
  if (references.length === 0) return [head, 'Nothing of its configuration is kept elsewhere.'];
  const width = Math.max(...references.map(({ to }) => to.length));
  return [
    head,
    ...references.map(
      (each) => `  ${markOf(each, terminal)} ${harmless(each.to).padEnd(width)}   ${harmless(each.from)}   ${stateText(each)}`,
    ),
    ...(references.some(hasDrifted) ? [terminal.paint('dim', '    kiln deploy makes a release of what is there now')] : []),
  ];
}

export const hasDrifted = ({ state }: ReferenceState): boolean => state === 'changed' || state === 'gone';

function markOf({ state }: ReferenceState, terminal: Terminal): string {
  if (state === 'unknown') return terminal.paint('dim', '·');
  return state === 'same' ? terminal.paint('green', '✓') : terminal.paint('yellow', '●');
}

function stateText(each: ReferenceState): string {
  const { state, pin, why } = each;
  if (state === 'unknown') return `${pinText(pin)}; ${harmless(why ?? '')}`;
  return state === 'same' ? pinText(pin) : whatIsThere(each);
}
