/** The difference of two images or releases, for the terminal: what there is in a few lines, then each part. */
import type { DiffBody } from '../../client/client.ts';
import { shortDigest } from '../../domain/digest.ts';
import { type Terminal, widthOf } from '../terminal.ts';
import { counted } from './amounts.ts';
import { sectionsOf } from './diff-rows.ts';
import type { Row, Section, Words } from './diff-words.ts';
import { cut } from './table.ts';
import { elided, visible } from './visible.ts';

/** So many rows of one part are shown, unless all are asked for. */
const SHOWN = 20;
const SHOWN_LINES = 40;

type Side = DiffBody['first'];

export function diffLines(diff: DiffBody, all: boolean, terminal: Terminal): readonly string[] {
  const { columns, paint } = terminal;
  const heading = cut(`${sideText(diff.first)} → ${sideText(diff.second)}`, columns);
  const unread = diff.unread === null ? [] : [paint('yellow', cut(`  ${visible(diff.unread)}`, columns))];
  if (diff.same) return [heading, `  ${sameText(diff)}`];
  const sections = sectionsOf(diff, all);
  const width = Math.max(...sections.map(({ title }) => title.length), 0);
  const image = diff.image === null && diff.unread === null ? ['  the same image'] : [];
  return [
    paint('bold', heading),
    ...image,
    ...unread,
    ...sections.map(({ title, summary }) => cut(`  ${title.padEnd(width)}   ${summary || 'no difference'}`, columns)),
    ...sections.flatMap((section) => sectionLines(section, all, terminal)),
  ];
}

export const sameText = ({ launch }: DiffBody): string =>
  launch === null ? 'the same image' : 'the same image, launched with the same';

/** `web:1.2.0 (4f1c9ab2)`, `web.local.r7 (4f1c9ab2)`; the digest's first digits are not said twice. */
export function sideText({ name, digest, tags, release }: Side): string {
  const short = shortDigest(digest);
  if (release !== null) return `${release.fleet}.r${release.number} (${short})`;
  const told = name.replace(/^sha256:/, '').startsWith(short) ? (tags[0] ?? '') : name;
  return visible(told === '' ? short : `${told} (${short})`);
}

function sectionLines({ title, rows, more, notes }: Section, all: boolean, terminal: Terminal): readonly string[] {
  if (rows.length + more + notes.length === 0) return [];
  const shown = all ? rows : rows.slice(0, SHOWN);
  const left = rows.length - shown.length + more;
  const names = shown.map(({ name }) => widthOf(visible(name)));
  const width = Math.min(Math.max(...names, 0), Math.floor(terminal.columns / 2));
  const rest = `and ${left} more${all ? '' : ': --all shows more'}`;
  return [
    '',
    terminal.paint('bold', title),
    ...shown.flatMap((row) => rowLines(row, width, all, terminal)),
    ...(left > 0 ? [`  … ${rest}`] : []),
    ...notes.map((words) => terminal.paint('yellow', cut(`  ${plain(words)}`, terminal.columns))),
  ];
}

const plain = (words: Words): string => words.map((word) => (typeof word === 'string' ? word : visible(word.quoted))).join('');

const PAINTS = { '+': 'green', '−': 'red', '~': 'cyan', '!': 'yellow' } as const;
const INDENT = '      ';

function rowLines(
  { sign, name, words, lines }: Row,
  width: number,
  all: boolean,
  { columns, paint }: Terminal,
): readonly string[] {
  const told = plain(words);
  const whole = visible(name);
  const room = columns - 4;
  const fits = widthOf(whole) <= width || widthOf(`${whole}   ${told}`) <= room;
  const first = fits ? cut(`${whole.padEnd(width)}   ${told}`.trimEnd(), room) : elided(whole, room);
  const shown = all ? lines : lines.slice(0, SHOWN_LINES);
  const left = lines.length - shown.length;
  return [
    `  ${paint(PAINTS[sign], sign)} ${first}`,
    ...(fits || told === '' ? [] : [cut(`${INDENT}${told}`, columns)]),
    ...shown.map((line) => textLine(line, columns, paint)),
    ...(left > 0 ? [`${INDENT}… and ${counted(left, 'line')} more: --all shows them`] : []),
  ];
}

function textLine(line: string, columns: number, paint: Terminal['paint']): string {
  const shown = cut(INDENT + visible(line), columns);
  if (line.startsWith('+')) return paint('green', shown);
  if (line.startsWith('-')) return paint('red', shown);
  return line.startsWith('@@') ? paint('dim', shown) : shown;
}
