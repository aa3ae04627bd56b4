/**
 * The one error type that people see. Everything expected is a KilnError with a published code from the catalogue;
 * anything else that is thrown is a bug in Kiln (exit code 1, and the only case with a stack trace).
 * This folder imports nothing of the project.
 */
import { CATALOGUE, type ErrorCode } from './catalogue.ts';

export interface ErrorDetails {
  /** What to do, as a sentence. Required: an error without a way out is half an error. */
  readonly hint: string;
  readonly cause?: unknown;
  /** Where in a file, where there is one. */
  readonly at?: { readonly file: string; readonly line?: number; readonly column?: number };
}

export class KilnError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly at: ErrorDetails['at'];

  /** `message`: what failed and why, in one line, without the code. */
  constructor(code: ErrorCode, message: string, details: ErrorDetails) {
    super(message, { cause: details.cause });
    this.name = 'KilnError';
    this.code = code;
    this.hint = details.hint;
    this.at = details.at;
  }

  get exitCode(): number {
    return CATALOGUE[this.code].exit;
  }

  get httpStatus(): number {
    return CATALOGUE[this.code].http;
  }
}

/** The message of anything thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
