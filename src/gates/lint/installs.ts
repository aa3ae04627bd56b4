/** Commands that install packages or fetch code: right while an image is baked, wrong when an instance starts. Pure. */

/** A larger script is nobody's entrypoint. */
export const SCRIPT_BYTES = 256 << 10;
const LONGEST_LINE = 4096;

/** Each is one word of a package manager, options, then its verb; nothing in them can backtrack over more than a line. */
const INSTALLS: readonly RegExp[] = [
  /\b(?:apt|apt-get|aptitude|yum|dnf|microdnf|zypper)\s(?:[^;&|]*\s)?(?:install|upgrade|dist-upgrade|full-upgrade|update)\b/,
  /\bapk\s(?:[^;&|]*\s)?(?:add|upgrade)\b/,
  /\bpip3?\s(?:[^;&|]*\s)?install\b/,
  /\b(?:npm|pnpm)\s(?:[^;&|]*\s)?(?:install|i|ci|add|update)\b/,
  /\byarn(?:\s+(?:install|add))?\s*(?:$|[;&|])/,
  /\b(?:gem|bundle|cargo|go|composer)\s+(?:install|update|get)\b/,
  /\bgit\s+(?:clone|pull)\b/,
];

/** What a shell is given straight from the network. */
export const PIPE_TO_SHELL = /\b(?:curl|wget)\b[^;&|\n]*\|\s*(?:sudo\s+)?(?:ba|da|z|k)?sh\b/;

/** Configuration management that changes what runs. */
export const CONVERGES =
  /\b(?:chef-client|chef-solo|puppet\s+(?:agent|apply)|salt-minion|salt-call|ansible-pull|cfengine|cf-agent)(?![\w-])/;

export function installsSomething(command: string): boolean {
  const text = command.slice(0, LONGEST_LINE);
  return INSTALLS.some((pattern) => pattern.test(text)) || PIPE_TO_SHELL.test(text);
}

/** Shell scripts, and the file whose scripts `npm start` runs. */
export const isScript = (path: string, start: Uint8Array): boolean =>
  (start[0] === 0x23 && start[1] === 0x21 && /^#![^\n]*sh\b/.test(Buffer.from(start.subarray(0, 80)).toString('latin1'))) ||
  path.endsWith('/package.json');

/** Lines, from 1, that install something when the script runs. */
export function installLines(path: string, text: string): readonly number[] {
  const isManifest = path.endsWith('/package.json');
  return text.split('\n').flatMap((line, index) => {
    if (/^\s*#/.test(line)) return [];
    if (isManifest && !/^\s*"(?:pre|post)?(?:start|serve)"\s*:/.test(line)) return [];
    return installsSomething(line) ? [index + 1] : [];
  });
}
