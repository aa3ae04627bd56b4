/** One attempt to bring a notice to a receiver, by whichever way it has. Never throws but for the signal's reason. */
import { KilnError, messageOf } from '../errors/error.ts';
import type { SecretSource } from '../domain/task.ts';
import type { Clock } from '../platform/clock.ts';
import { sendMail } from './mail.ts';
import type { Notice } from './notice.ts';
import { keyOf, post, webhook, type Answer } from './post.ts';
import { requireSecret } from './secret.ts';
import type { Receiver } from './settings.ts';

export interface SendParts {
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  /** Names this home: two that tell one receiver are told apart. */
  readonly homeId: string;
}

/** Of one attempt. */
export const ATTEMPT_MS = 10_000;

/** The same for every attempt, also of a later daemon: whoever takes it twice can tell. */
export const idOf = ({ homeId }: Pick<SendParts, 'homeId'>, { seq }: Notice): string => `kiln.${homeId}.${seq}`;

export async function send(parts: SendParts, to: Receiver, notice: Notice, signal: AbortSignal): Promise<Answer> {
  try {
    return await attempt(parts, to, notice, signal);
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'later', why: error instanceof KilnError ? error.message : messageOf(error) };
  }
}

async function attempt(
  parts: SendParts,
  { webhook: hook, slack, email }: Receiver,
  notice: Notice,
  signal: AbortSignal,
): Promise<Answer> {
  const { clock, env } = parts;
  const id = idOf(parts, notice);
  if (email !== undefined) return sendMail(email, { id, notice }, { env, withinMs: ATTEMPT_MS });
  if (slack !== undefined) {
    const body = JSON.stringify({ text: `${MARKS[notice.kind]} ${escaped(notice.text)}` });
    return quiet(await post({ url: await urlOf(slack.url, env), body }, ATTEMPT_MS, signal));
  }
  if (hook === undefined) throw new RangeError('a receiver has no way');
  const key = hook.secret === undefined ? null : keyOf(await requireSecret(hook.secret, env));
  const { service, environment, text, facts } = notice;
  const message = webhook(
    { id, type: `notice.${notice.kind}`, data: { service, environment, text, ...facts } },
    key,
    clock.now(),
  );
  return quiet(await post({ url: await urlOf(hook.url, env), ...message }, ATTEMPT_MS, signal));
}

const urlOf = async (url: string | SecretSource, env: NodeJS.ProcessEnv): Promise<string> =>
  typeof url === 'string' ? url : requireSecret(url, env);

/** What it answered may repeat what it was asked, token and all: the status is enough. */
const quiet = (answer: Answer): Answer =>
  answer.kind === 'taken' ? answer : { ...answer, why: answer.why.replace(/^(it answered \d+).*$/s, '$1') };

const MARKS = {
  started: ':arrow_forward:',
  done: ':white_check_mark:',
  'rolled-back': ':leftwards_arrow_with_hook:',
  attention: ':rotating_light:',
  approval: ':raised_hand:',
  'line-stopped': ':octagonal_sign:',
  'glass-broken': ':warning:',
} as const satisfies Record<Notice['kind'], string>;

/** What Slack would take for a link or a mention. */
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
