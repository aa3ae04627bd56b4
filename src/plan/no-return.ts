/** Points of no return: a job has passed after which nothing older may serve again (D9). Pure. */
import type { ReleaseNumber } from '../domain/ids.ts';
import type { NoReturn } from './task-state.ts';

/** Why the release may not serve again; null: it may. Going back to nothing brings nothing back. */
export function whyNoReturn({ noReturn }: { readonly noReturn: NoReturn | null }, to: ReleaseNumber | null): string | null {
  if (noReturn === null || to === null || to >= noReturn.before) return null;
  return `r${to} may not serve again: r${noReturn.release} has passed a point of no return (${noReturn.why})`;
}
