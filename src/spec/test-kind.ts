/** Tests of the file that can be tried on any instance: of an image before it is published, of a release before its traffic. */
import type { InstanceTest } from '../domain/task.ts';
import type { TestSpec } from './schema/test.ts';

export function testKind(test: Extract<TestSpec, { http: string } | { command: readonly string[] }>): InstanceTest {
  if ('command' in test) return { kind: 'command', command: test.command, exit: test.exit, stdout: test.stdout ?? null };
  const { http: path, port = null, status, body = null, header: headers } = test;
  return { kind: 'http', path, port, status, body, headers };
}
