/** What the API answers when something goes wrong: always {code, message, hint, at?}, never a stack. */
import { ZodError } from 'zod';

import { KilnError, messageOf } from '../errors/error.ts';

export interface FailureBody {
  readonly code: KilnError['code'];
  readonly message: string;
  readonly hint: string;
  readonly at?: KilnError['at'];
}

export const bodyOf = ({ code, message, hint, at }: KilnError): FailureBody => ({
  code,
  message,
  hint,
  ...(at === undefined ? {} : { at }),
});

/** Anything thrown as a KilnError. What isn't one is a bug, unless the HTTP layer refused the request. */
export function asKilnError(error: unknown): KilnError {
  if (error instanceof KilnError) return error;
  if (error instanceof ZodError) return usage(describe(error), error);
  const status = (error as { statusCode?: unknown }).statusCode;
  if (typeof status === 'number' && status < 500) return usage(messageOf(error), error);
  return new KilnError('BUG', messageOf(error), { hint: 'please report this with what daemon.log says about it', cause: error });
}

export const usage = (message: string, cause?: unknown): KilnError =>
  new KilnError('USAGE', message, { hint: 'GET /openapi.json describes every request', cause });

function describe(error: ZodError): string {
  return error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`)).join('; ');
}
