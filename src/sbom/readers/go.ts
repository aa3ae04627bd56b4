/**
 * Go binaries: the build information that the linker writes into each (Go's debug/buildinfo). Since Go 1.18 two strings with
 * their lengths follow its header; before, two addresses of strings.
 */
import { type Elf, elfOf } from '../elf.ts';
import type { PackageFacts } from '../package.ts';
import { linesOf, nameOf, versionOf } from '../text.ts';
import { NO_MORE } from './reader.ts';

const MAGIC = Buffer.from('\xff Go buildinf:', 'latin1');
const HEADER_BYTES = 32;
const ALIGNMENT = 16;
/** Where there are no section headers, it is near the beginning of the data. */
const SEARCHED_BYTES = 1 << 20;
/** A binary of a thousand modules has a tenth of this. */
const LONGEST = 4 << 20;
/** Go's runtime brackets the text of modules with 16 bytes on either side. */
const SENTINEL = 16;

/** Null for what is no Go binary. Throws SyntaxError where its build information is damaged. */
export function goPackages(content: Buffer): readonly PackageFacts[] | null {
  const elf = elfOf(content);
  const info = elf === null ? null : buildInfo(elf);
  if (elf === null || info === null) return null;
  const isInline = ((info[15] ?? 0) & 2) !== 0;
  const [version, modules] = isInline ? inlineStrings(info) : pointedStrings(info, elf);
  return [...standardLibrary(version), ...modulesOf(withoutSentinels(modules).toString('utf8'))];
}

function buildInfo(elf: Elf): Buffer | null {
  const places = [elf.section('.go.buildinfo'), ...elf.writable.map((data) => data.subarray(0, SEARCHED_BYTES))];
  for (const place of places) {
    const info = place === null ? null : headerIn(place);
    if (info !== null) return info;
  }
  return null;
}

function headerIn(place: Buffer): Buffer | null {
  for (let at = place.indexOf(MAGIC); at !== -1; at = place.indexOf(MAGIC, at + 1)) {
    if (at % ALIGNMENT === 0 && at + HEADER_BYTES <= place.length) return place.subarray(at);
  }
  return null;
}

function inlineStrings(info: Buffer): readonly [Buffer, Buffer] {
  const version = lengthPrefixed(info, HEADER_BYTES);
  return [version.text, lengthPrefixed(info, version.end).text];
}

function lengthPrefixed(info: Buffer, start: number): { readonly text: Buffer; readonly end: number } {
  let length = 0;
  let at = start;
  for (let shift = 0; ; shift += 7, at += 1) {
    const byte = info[at];
    if (byte === undefined || shift > 28) throw damaged();
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  const end = at + 1 + length;
  if (length > LONGEST || end > info.length) throw damaged();
  return { text: info.subarray(at + 1, end), end };
}

function pointedStrings(info: Buffer, elf: Elf): readonly [Buffer, Buffer] {
  const width = info[14] ?? 0;
  if (width !== 4 && width !== 8) throw damaged();
  const isBig = ((info[15] ?? 0) & 1) !== 0;
  const follow = (at: number): Buffer => {
    const header = elf.at(address(info, at, width, isBig), 2 * width);
    if (header === null) throw damaged();
    const length = address(header, width, width, isBig);
    if (length > LONGEST) throw damaged();
    const text = elf.at(address(header, 0, width, isBig), length);
    if (text === null) throw damaged();
    return text;
  };
  const modules = address(info, ALIGNMENT + width, width, isBig);
  return [follow(ALIGNMENT), modules === 0 ? Buffer.alloc(0) : follow(ALIGNMENT + width)];
}

function address(bytes: Buffer, at: number, width: 4 | 8, isBig: boolean): number {
  if (width === 4) return isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
  const value = isBig ? bytes.readBigUInt64BE(at) : bytes.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged();
  return Number(value);
}

const damaged = (): SyntaxError =>
  new SyntaxError("its Go build information leads out of the file, or is longer than any program's");

const withoutSentinels = (text: Buffer): Buffer =>
  text.length > 2 * SENTINEL && text[text.length - SENTINEL - 1] === 0x0a ? text.subarray(SENTINEL, -SENTINEL) : text;

/** `go1.22.1`, `go1.22.1 X:experiment`; a development build says `devel go1.23-…` and is no release. */
function standardLibrary(text: Buffer): readonly PackageFacts[] {
  const version = /^go([0-9]+\.[0-9]+(?:\.[0-9]+)?(?:(?:rc|beta)[0-9]+)?)(?:[ +-]|$)/.exec(text.toString('latin1', 0, 64))?.[1];
  return version === undefined ? [] : [module('stdlib', version)];
}

/** Lines of tab-separated `mod path version sum`, `dep …`, and `=> …`, which replaces the one before. */
function modulesOf(text: string): readonly PackageFacts[] {
  const modules: (PackageFacts | null)[] = [];
  for (const line of linesOf(text)) {
    const [kind, path, version] = line.split('\t', 3);
    if (kind === '=>') modules.pop();
    if (kind === 'mod' || kind === 'dep' || kind === '=>') modules.push(moduleOf(path, version));
  }
  return modules.filter((each) => each !== null);
}

/** A program built in its own working copy has no version: `(devel)`, or none. */
function moduleOf(path: string | undefined, version: string | undefined): PackageFacts | null {
  const [name, known] = [nameOf(path), versionOf(version)];
  return name === null || known === null || known === '(devel)' ? null : module(name, known);
}

const module = (name: string, version: string): PackageFacts => ({ ...NO_MORE, type: 'golang', name, version });
