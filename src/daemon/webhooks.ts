/** Brings webhooks of tasks to where they are taken. What may be better later is tried again until the time is over. */
import type { SecretSource } from '../domain/task.ts';
import type { Deliver, Delivery } from '../execute/deliver.ts';
import { keyOf, post, webhook, type Answer } from '../notify/post.ts';
import { secretText, whereOf } from '../notify/secret.ts';
import type { Clock } from '../platform/clock.ts';

export interface WebhookParts {
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
}

const ATTEMPT_MS = 10_000;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 30_000;

export const openWebhooks =
  ({ clock, env }: WebhookParts): Deliver =>
  async (delivery, withinMs, { signal }) => {
    const key = delivery.secret === null ? null : await signingKey(delivery.secret, env);
    if (typeof key === 'string') return key;
    const end = clock.now() + withinMs;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
      const answer = await attempt(delivery, key, clock, Math.min(ATTEMPT_MS, Math.max(1, end - clock.now())), signal);
      signal.throwIfAborted();
      if (answer.kind === 'taken') return null;
      if (answer.kind === 'refused' || clock.now() + waitMs >= end) return answer.why;
      await clock.sleep(waitMs, signal);
    }
  };

function attempt(delivery: Delivery, key: Buffer | null, clock: Clock, ms: number, signal: AbortSignal): Promise<Answer> {
  const { kind, ...data } = delivery.notice;
  const message = webhook({ id: delivery.id, type: `rollout.${kind}`, data }, key, clock.now());
  return post({ url: delivery.url, ...message }, ms, signal);
}

/** A text: why there is none. */
async function signingKey(source: SecretSource, env: NodeJS.ProcessEnv): Promise<Buffer | string> {
  const secret = await secretText(source, env);
  if (secret !== null && secret !== '') return keyOf(secret);
  return `its secret is not there: ${whereOf(source)} is ${secret === null ? 'missing' : 'empty'}`;
}
