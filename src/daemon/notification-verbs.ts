/** The verbs of notifications: who is told, and whether it arrives. */
import type { Handlers } from '../api/schema.ts';
import type { Problem } from '../engines/engine.ts';
import { KilnError } from '../errors/error.ts';
import { wayOf } from '../notify/settings.ts';
import type { Parts } from './parts.ts';

export function notificationVerbs({ notifier }: Parts): Pick<Handlers, 'notifications' | 'testNotification'> {
  return {
    async notifications() {
      const receivers = Object.entries(await notifier.receivers());
      return {
        receivers: receivers.map(([name, receiver]) => {
          const { on, environments = null, services = null } = receiver;
          return { name, way: wayOf(receiver), on, environments, services, ...notifier.stateOf(name, receiver) };
        }),
      };
    },
    async testNotification({ receiver: only }, { signal }) {
      const all = Object.entries(await notifier.receivers());
      const meant = all.filter(([name]) => only === undefined || name === only);
      if (meant.length === 0)
        throw nobody(
          only,
          all.map(([name]) => name),
        );
      const tested = meant.map(async ([name, receiver]) => {
        const answer = await notifier.test(receiver, signal);
        return { name, way: wayOf(receiver), why: answer.kind === 'taken' ? null : answer.why };
      });
      return { receivers: await Promise.all(tested) };
    },
  };
}

function nobody(name: string | undefined, known: readonly string[]): KilnError {
  const why =
    name === undefined || known.length === 0 ? 'notifications.yaml names no receiver' : `there is no receiver "${name}"`;
  return new KilnError('NOT_FOUND', why, {
    hint: known.length === 0 ? 'write one: docs/notifications.md shows the whole file' : `there are ${known.join(', ')}`,
  });
}

/** What keeps people from being told. */
export async function notificationProblems({ notifier }: Parts): Promise<readonly Problem[]> {
  try {
    const receivers = Object.entries(await notifier.receivers());
    return receivers.flatMap(([name, receiver]) => {
      const { waiting, trouble } = notifier.stateOf(name, receiver);
      if (trouble === null) return [];
      const what = `the receiver "${name}" of notifications.yaml does not take them (${waiting} waiting): ${trouble}`;
      return [{ what, hint: 'mend it, or what it names; `kiln notify --test` tries it', fatal: false }];
    });
  } catch (error) {
    if (!(error instanceof KilnError)) throw error;
    return [{ what: error.message, hint: error.hint, fatal: false }];
  }
}
