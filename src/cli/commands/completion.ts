import { KilnError } from '../../errors/error.ts';
import { bashCompletion } from '../completion/bash.ts';
import { zshCompletion } from '../completion/zsh.ts';
import type { Run } from '../command.ts';

export const run: Run = async (args) => {
  const shell = args.required('SHELL');
  if (shell !== 'bash' && shell !== 'zsh') {
    throw new KilnError('USAGE', `there is no completion for "${shell}"`, { hint: 'give bash or zsh' });
  }
  const script = shell === 'bash' ? bashCompletion() : zshCompletion();
  return { document: { shell, script }, lines: script.trimEnd().split('\n') };
};
