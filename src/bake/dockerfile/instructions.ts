/**
 * Reads a Dockerfile into instructions: continued lines joined, comments left out, the bodies of here-documents kept apart,
 * so that a line in one that starts with FROM is not taken for an instruction.
 */
export interface Instruction {
  /** In capitals: `FROM`. */
  readonly keyword: string;
  /** What follows it, on one line. */
  readonly rest: string;
  /** The instruction's lines in the file: first, and the one after its last (of its here-documents, too). */
  readonly from: number;
  readonly to: number;
}

const WITH_HEREDOCS: ReadonlySet<string> = new Set(['RUN', 'COPY', 'ADD']);

export function readInstructions(text: string): readonly Instruction[] {
  const lines = text.split(/\r?\n/);
  const escape = escapeOf(lines);
  const found: Instruction[] = [];
  for (let at = 0; at < lines.length;) {
    const from = at;
    const parts: string[] = [];
    let open = true;
    for (; open && at < lines.length; at++) {
      const line = lines[at] ?? '';
      if (isSilent(line)) {
        if (parts.length > 0) continue; // Comments and blank lines within a continued instruction say nothing.
        open = false;
        continue;
      }
      const trimmed = line.trimEnd();
      open = trimmed.endsWith(escape);
      parts.push(open ? trimmed.slice(0, -1) : trimmed);
    }
    if (parts.length === 0) continue;
    const [, keyword = '', rest = ''] = /^\s*(\S+)\s*(.*)$/su.exec(parts.join('')) ?? [];
    const capitals = keyword.toUpperCase();
    if (WITH_HEREDOCS.has(capitals)) at = afterHeredocs(lines, at, rest);
    found.push({ keyword: capitals, rest, from, to: at });
  }
  return found;
}

const isSilent = (line: string): boolean => /^\s*(?:#|$)/.test(line);

/** The parser directive `# escape=` counts only among the comments that come first. */
function escapeOf(lines: readonly string[]): string {
  for (const line of lines) {
    const directive = /^\s*#\s*(\w+)\s*=\s*(\S+)\s*$/.exec(line);
    if (directive === null) break;
    if (directive[1]?.toLowerCase() === 'escape') return directive[2] ?? '\\';
  }
  return '\\';
}

function afterHeredocs(lines: readonly string[], at: number, rest: string): number {
  let next = at;
  for (const [, dash, , word] of rest.matchAll(/(?<!<)<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_]*)\2/g)) {
    const isEnd = (line: string): boolean => (dash === '-' ? line.replace(/^\t+/, '') : line) === word;
    const end = lines.findIndex((line, index) => index >= next && isEnd(line));
    next = end === -1 ? lines.length : end + 1;
  }
  return next;
}
