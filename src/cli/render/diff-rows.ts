/** A difference as rows, the same for the terminal and for Markdown: what is told of each part, in which words. */
import type { DiffBody } from '../../client/client.ts';
import { shortDigest } from '../../domain/digest.ts';
import type { Json } from '../../domain/json.ts';
import { bytes, counted, duration } from './amounts.ts';
import { fileRow, filesSummary } from './diff-files.ts';
import { arrow, quoted, type Row, type Section, tally, type Words } from './diff-words.ts';

type ImageDifference = NonNullable<DiffBody['image']>;
type Change = ImageDifference['configuration'][number];

/** Only those in which something differs, and those that are not known. */
export function sectionsOf({ image, launch }: DiffBody, all: boolean): readonly Section[] {
  const sections = [
    ...(launch === null ? [] : [changesSection('launch', launch)]),
    ...(image === null ? [] : imageSections(image, all)),
  ];
  return sections.filter(({ rows, more, notes, summary }) => rows.length + more + notes.length > 0 || summary !== '');
}

const imageSections = (image: ImageDifference, all: boolean): readonly Section[] => [
  changesSection('configuration', image.configuration),
  packagesSection(image),
  filesSection(image, all),
  layersSection(image),
  vulnerabilitiesSection(image),
];

const count = (changes: readonly Change[], word: Change['what']): number => changes.filter(({ what }) => what === word).length;

function changesSection(title: string, changes: readonly Change[]): Section {
  const rows = changes.map((change): Row => ({ ...signed(change), name: nameOf(change.where), lines: [] }));
  return {
    title,
    summary: tally(...(['added', 'removed', 'changed'] as const).map((word) => [count(changes, word), word] as const)),
    rows,
    more: 0,
    notes: [],
  };
}

const SIGNS = { added: '+', removed: '−', changed: '~' } as const;

function signed({ where, what, first, second, hidden }: Change): Pick<Row, 'sign' | 'words'> {
  const sign = SIGNS[what];
  if (hidden) return { sign, words: [`${what}; not shown, it may be a secret`] };
  const [from, to] = [valueOf(where.at(-1) ?? '', first), valueOf(where.at(-1) ?? '', second)];
  return { sign, words: what === 'added' ? to : what === 'removed' ? from : arrow(from, to) };
}

/** Whose members have names that people gave. */
const NAMED: ReadonlySet<string> = new Set(['env', 'label', 'annotation']);
const UNIT = /(?:Ms|Bytes)$/;

/** `limits memory` of `['limits', 'memoryBytes']`. */
function nameOf(where: readonly string[]): string {
  const [first = '', ...rest] = where;
  if (NAMED.has(first)) return `${first} ${rest.join(' ').replace(/^org\.opencontainers\.image\./, '')}`;
  return where.map((part) => part.replace(UNIT, '').replaceAll(/(?<=[a-z])[A-Z]/g, (sign) => ` ${sign.toLowerCase()}`)).join(' ');
}

function valueOf(key: string, value: Json): Words {
  if (typeof value === 'number') {
    if (key.endsWith('Ms')) return [duration(value)];
    if (key.endsWith('Bytes')) return [bytes(value)];
    return [key === 'mode' ? value.toString(8) : String(value)];
  }
  if (typeof value === 'boolean') return [value ? 'yes' : 'no'];
  if (typeof value === 'string') return [value === '' ? 'empty' : quoted(value)];
  if (value === null) return ['none'];
  const isPlain = Array.isArray(value) && value.every((item) => typeof item === 'string');
  return [quoted(isPlain ? value.join(' ') : JSON.stringify(value))];
}

function packagesSection({ packages: { differences, unread } }: ImageDifference): Section {
  const [added, removed] = [
    differences.filter(({ first }) => first.length === 0),
    differences.filter(({ second }) => second.length === 0),
  ];
  const older = differences.filter(({ direction }) => direction === 'older').length;
  const changed = differences.length - added.length - removed.length;
  return {
    title: 'packages',
    summary: tally([added.length, 'added'], [removed.length, 'removed'], [changed, 'changed'], [older, 'of them older']),
    rows: differences.map(packageRow),
    more: 0,
    notes: unread.map(({ side, path, why }) => [
      `of the ${side}, what `,
      quoted(`/${path}`),
      ' says was not read: ',
      quoted(why),
    ]),
  };
}

function packageRow({ type, name, first, second, direction }: ImageDifference['packages']['differences'][number]): Row {
  const [from, to] = [first, second].map((versions): Words => [quoted(versions.join(', '))]);
  const kind = `   ${type}${direction === 'older' ? ', older' : ''}`;
  const named = { name, lines: [] };
  if (first.length === 0) return { ...named, sign: '+', words: [...(to ?? []), kind] };
  if (second.length === 0) return { ...named, sign: '−', words: [...(from ?? []), kind] };
  return { ...named, sign: direction === 'older' ? '!' : '~', words: [...arrow(from ?? [], to ?? []), kind] };
}

function filesSection({ files }: ImageDifference, all: boolean): Section {
  const { listed, more, onlyTimes, ofPackages } = files;
  const notes = [
    ...(ofPackages === 0 || all ? [] : [`${counted(ofPackages, 'path')} of the packages above: --all lists them, too`]),
    ...(onlyTimes === 0 ? [] : [`of ${counted(onlyTimes, 'more path')} only the time differs`]),
  ];
  return { title: 'files', summary: filesSummary(files), rows: listed.map(fileRow), more, notes: notes.map((note) => [note]) };
}

function layersSection({ layers: { shared, restored, first, second } }: ImageDifference): Section {
  const row = (sign: Row['sign'], { digest, size, createdBy }: (typeof first)[number]): Row => ({
    sign,
    name: shortDigest(digest),
    words: [bytes(size), ...(createdBy === null ? [] : ['   ', quoted(createdBy)])],
    lines: [],
  });
  const sum = (layers: typeof first): string => bytes(layers.reduce((total, { size }) => total + size, 0));
  const own = [
    ...(second.length === 0 ? [] : [`${counted(second.length, 'new layer')} (${sum(second)})`]),
    ...(first.length === 0 ? [] : [`${first.length} gone (${sum(first)})`]),
    `${shared.count} shared (${bytes(shared.bytes)})`,
  ];
  return {
    title: 'layers',
    summary: own.join(' · '),
    rows: [...first.map((layer) => row('−', layer)), ...second.map((layer) => row('+', layer))],
    more: 0,
    notes: restored === 0 ? [] : [[`${counted(restored, 'shared layer')} stored in another form, such as another compression`]],
  };
}

function vulnerabilitiesSection({ vulnerabilities }: ImageDifference): Section {
  const section = { title: 'vulnerabilities', more: 0 };
  if (vulnerabilities === null) return { ...section, summary: 'not known: there is no data about them', rows: [], notes: [] };
  const row = (sign: Row['sign'], { id, severity, name, installed, fixed }: (typeof vulnerabilities.new)[number]): Row => ({
    sign,
    name: id,
    words: [`${severity}   `, quoted(`${name} ${installed}`), ...(fixed === null ? [] : [', mended in ', quoted(fixed)])],
    lines: [],
  });
  return {
    ...section,
    summary: tally([vulnerabilities.new.length, 'new'], [vulnerabilities.gone.length, 'gone']) || 'none new, none gone',
    rows: [...vulnerabilities.new.map((each) => row('+', each)), ...vulnerabilities.gone.map((each) => row('−', each))],
    notes: vulnerabilities.doubts.map((doubt) => ['but ', quoted(doubt)]),
  };
}
