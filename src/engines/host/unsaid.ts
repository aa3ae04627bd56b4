/** What an instance says goes into errors, the history and the API: what it was launched with must not go along (law 10). */
import type { LaunchValues } from '../../domain/reference.ts';
import type { Release } from '../../domain/release.ts';
import type { Host } from './host.ts';

/** Shorter ones would take words out of every sentence, and can be guessed anyway. */
const LEAST_LENGTH = 6;
const HIDDEN = '[hidden]';

/** The text without the values of the release's references; nothing of it where those can't be had to compare. */
export async function unsaid(host: Host, release: Release, text: string): Promise<string> {
  if (release.content.launch.references === undefined) return text;
  try {
    const values = await host.values(release, AbortSignal.timeout(1_000));
    return withoutValues(text, values);
  } catch {
    return HIDDEN;
  }
}

/** Each value as it is, and each of its lines; the longest first, because one may hold another. */
export function withoutValues(text: string, { env, files }: LaunchValues): string {
  const whole = [...Object.values(env), ...files.map(({ content }) => Buffer.from(content).toString('utf8'))];
  const parts = new Set(whole.flatMap((value) => [value.trim(), ...value.split('\n').map((line) => line.trim())]));
  return [...parts]
    .filter((part) => part.length >= LEAST_LENGTH)
    .toSorted((a, b) => b.length - a.length)
    .reduce((said, part) => said.replaceAll(part, HIDDEN), text);
}
