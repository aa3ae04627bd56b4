/** Path patterns, for globs in `files:` and for .kilnignore: `*` `?` `[abc]` within a name, `**` over folders. */

/** A regular expression for whole relative paths, written with `/` and without a leading one. */
export function patternToRegExp(pattern: string): RegExp {
  const parts = pattern.split('/');
  const source = parts.map((part, index) => {
    const last = index === parts.length - 1;
    if (part === '**') return last ? '.+' : '(?:[^/]+/)*';
    return `${nameSource(part)}${last ? '' : '/'}`;
  });
  return new RegExp(`^${source.join('')}$`, 'su');
}

/** Text that a regular expression takes as it is. */
export const escapeRegExp = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

export const isPattern = (text: string): boolean => /[*?[]/.test(text);

function nameSource(name: string): string {
  let source = '';
  for (let at = 0; at < name.length; at++) {
    const char = name[at] ?? '';
    const end = char === '[' ? name.indexOf(']', at + 2) : -1;
    if (char === '\\' && at + 1 < name.length) source += escapeRegExp(name[++at] ?? '');
    else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (end > 0) {
      source += setSource(name.slice(at + 1, end));
      at = end;
    } else source += escapeRegExp(char);
  }
  return source;
}

/** `a-z`, `!a-z` or `^a-z` of a bracket, with everything but the hyphen literal. */
function setSource(set: string): string {
  const negated = /^[!^]/.test(set);
  const literal = (negated ? set.slice(1) : set).replaceAll(/[\\\]^[&|~]/g, (char) => `\\${char}`);
  return `[${negated ? '^/' : ''}${literal}]`;
}
