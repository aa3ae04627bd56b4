/** What the entries of the table of commands are written with. */
import type { ArgumentSpec, Completes, OptionSpec } from './command.ts';

export const option = (flags: string, summary: string, completes: Completes = 'none'): OptionSpec => ({
  flags,
  summary,
  completes,
});
export const repeated = (flags: string, summary: string): OptionSpec => ({ ...option(flags, summary), repeats: true });

export const required = (name: string, summary: string, completes: Completes = 'none'): ArgumentSpec => ({
  name,
  required: true,
  summary,
  completes,
});
export const optional = (name: string, summary: string, completes: Completes = 'none'): ArgumentSpec => ({
  ...required(name, summary, completes),
  required: false,
});

export const image = required('IMAGE', 'a digest, its first digits, a tag, or a channel', 'image');
export const service = required('SERVICE', 'a service, or SERVICE.ENVIRONMENT where several environments run it', 'service');
export const pastNoReturn = option(
  '--past-no-return',
  'also past a point of no return, which the older release may not work beyond',
);
