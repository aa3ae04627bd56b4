/** What every translation of a provisioner works with. */
import type { Draft } from '../draft.ts';
import type { TemplateFiles } from '../files.ts';
import type { Notices } from '../opening.ts';
import { Refusal, type Place, type Problems } from '../problems.ts';
import type { Section, Settings } from '../template.ts';

export interface Context {
  readonly draft: Draft;
  readonly files: TemplateFiles;
  readonly problems: Problems;
  readonly notices: Notices;
  /** What Packer tells scripts by PACKER_BUILD_NAME and PACKER_BUILDER_TYPE. */
  readonly build: { readonly name: string; readonly type: string };
  /** All text of the steps that come after this one: what an upload below /tmp may be for. */
  readonly later: () => string;
}

export type Translation = (section: Section, context: Context) => void;

/** How and when Packer repeats or waits has no meaning where nothing is far away. */
export const TIMING = [
  'max_retries',
  'pause_before',
  'pause_after',
  'timeout',
  'start_retry_timeout',
  'only',
  'except',
  'override',
  'name',
];

/** Every setting that nobody asked for is a problem of its own. */
export function refuseStrangers(settings: Settings, { problems }: Context): void {
  for (const { name, at } of settings.strangers()) {
    problems.add(
      at,
      `${settings.section.type}: "${name}" has no counterpart in a recipe; take it away, or do by a command what it does`,
    );
  }
}

/** Notes the settings that are there and do nothing. */
export function noteIgnored(settings: Settings, { notices }: Context, ...names: readonly string[]): void {
  const found = settings.ignore(...names);
  if (found.length > 0)
    notices.add(settings.section.at, `${settings.section.type}: ${found.join(', ')} not needed: a bake runs on the spot`);
}

/** An absolute path in the image, in one spelling. */
export function imagePath(text: string, at: Place): string {
  const slash = text.endsWith('/') ? '/' : '';
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  if (!text.startsWith('/') || parts.includes('..') || text.includes('\0'))
    throw new Refusal(
      at,
      `"${text}" is no place in the image; write an absolute path (Packer would take it from the home of its SSH user)`,
    );
  return `/${parts.join('/')}${parts.length === 0 ? '' : slash}`;
}
