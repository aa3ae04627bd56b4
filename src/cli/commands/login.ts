import { KilnError } from '../../errors/error.ts';
import type { Run } from '../command.ts';
import { readSecret } from '../secret-input.ts';

export const run: Run = async (args, context) => {
  const registry = args.required('REGISTRY');
  const { by } = context;
  if (args.flag('logout')) {
    const done = await (await context.connect()).logout({ registry, by });
    return { document: done, lines: [done.known ? `logged out from ${registry}` : `there was no login for ${registry}`] };
  }
  const username = args.text('user');
  if (username === undefined) {
    throw new KilnError('USAGE', 'whose login it is was not said', {
      hint: `\`kiln login ${registry} --user NAME\`, the password on standard input`,
    });
  }
  const password = await readSecret(`password of ${username} at ${registry}: `, context);
  const done = await (await context.connect()).login({ registry, username, password, by });
  return { document: done, lines: [`logged in to ${registry} as ${username}; kept by ${done.kept}`] };
};
