/** The difference of two images or releases in Markdown, for a pull request. What comes from images stands only in code. */
import type { DiffBody } from '../../client/client.ts';
import { sameText, sideText } from './diff.ts';
import { sectionsOf } from './diff-rows.ts';
import type { Row, Section, Words } from './diff-words.ts';
import { visible } from './visible.ts';

/** Code hosts take comments of 65,536 characters. */
const MOST = 60_000;
const ROWS = 100;
const NAME = 300;

export function diffMarkdown(diff: DiffBody, all: boolean): readonly string[] {
  const heading = [`### ${code(sideText(diff.first))} → ${code(sideText(diff.second))}`, ''];
  if (diff.same) return [...heading, `${capital(sameText(diff))}.`];
  const unread = diff.unread === null ? [] : [`**Not compared:** ${code(diff.unread)}`, ''];
  const sections = sectionsOf(diff, all);
  for (let rows = all ? Number.POSITIVE_INFINITY : ROWS; ; rows = Math.floor(rows / 2)) {
    const lines = [...heading, ...unread, ...overview(sections), ...sections.flatMap((section) => details(section, rows))];
    if (all || rows === 0 || lines.join('\n').length <= MOST) return lines;
  }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const overview = (sections: readonly Section[]): readonly string[] => [
  '| | |',
  '| --- | --- |',
  ...sections.map(({ title, summary }) => `| ${title} | ${summary || 'no difference'} |`),
];

function details({ title, rows, more, notes }: Section, most: number): readonly string[] {
  if (rows.length + more + notes.length === 0) return [];
  const shown = rows.slice(0, most);
  const left = rows.length - shown.length + more;
  return [
    '',
    `<details><summary>${capital(title)}</summary>`,
    '',
    ...shown.map(({ sign, name, words }) => `- ${code(sign)} ${code(name)} ${markdown(words)}`.trimEnd()),
    ...(left > 0 ? [`- and ${left} more`] : []),
    ...notes.map((words) => `- ${markdown(words)}`),
    ...shown.flatMap(textBlock),
    '',
    '</details>',
  ];
}

const markdown = (words: Words): string => words.map((word) => (typeof word === 'string' ? word : code(word.quoted))).join('');

function textBlock({ name, lines }: Row): readonly string[] {
  if (lines.length === 0) return [];
  const shown = lines.map(visible);
  const fence = fenceFor(shown.join('\n'), 3);
  return ['', code(name), '', `${fence}diff`, ...shown, fence];
}

/** CommonMark 0.31.2, 6.1: a span ends with as many backticks as it began with; a blank at both ends is stripped. */
function code(text: string): string {
  const shown = visible(text);
  const cut = shown.length > NAME ? `${shown.slice(0, NAME)}…` : shown;
  const fence = fenceFor(cut, 1);
  const padding = fence.length > 1 || /^ .* $/.test(cut) ? ' ' : '';
  return cut === '' ? '(empty)' : fence + padding + cut + padding + fence;
}

/** Longer than any run of backticks within. */
function fenceFor(text: string, least: number): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  return '`'.repeat(Math.max(least, longest + 1));
}
