/** `before`, `tests`, `approve` and `webhooks` of kiln.yaml: what a rollout does besides replacing instances. */
import type { ImageTestKind } from './image-test.ts';

/**
 * Where tasks are: `before` anything of the release is launched, before its first `traffic`, and `after` the rollout has
 * ended, well or not. A rollout goes past the first two only once their tasks have passed.
 */
export type Point = 'before' | 'traffic' | 'after';

export type InstanceTest = Extract<ImageTestKind, { kind: 'http' | 'command' }>;

/** A webhook's secret: where the daemon finds it when it signs. */
export type SecretSource = { readonly env: string } | { readonly file: string };

export type Task = {
  /** Unique within its release: a lower-case letter, then letters, digits and hyphens. */
  readonly name: string;
  readonly at: Point;
  /** One that is not over by then has failed. */
  readonly deadlineMs: number;
} & TaskKind;

export type TaskKind =
  /** A command in the image, with all that an instance is launched with and no traffic. Once per release. */
  | {
      readonly kind: 'job';
      readonly command: readonly string[];
      /** Once it has passed, no older release may serve again: why, for people; null: any may. */
      readonly noReturn: string | null;
    }
  /** Against the new instances, tried until it passes or its time is over. */
  | { readonly kind: 'test'; readonly test: InstanceTest }
  /** By a person. */
  | { readonly kind: 'approval' }
  /** A POST that has to be taken by the other side; not `required`: a failure is only told. */
  | { readonly kind: 'webhook'; readonly url: string; readonly secret: SecretSource | null; readonly required: boolean };

const TITLE_LENGTH = 60;
const cut = (text: string): string => (text.length <= TITLE_LENGTH ? text : `${text.slice(0, TITLE_LENGTH - 1)}…`);

/** For people, on one line: `job node migrate.js`. */
export function titleOf(task: Task): string {
  switch (task.kind) {
    case 'job':
      return cut(`job ${task.command.join(' ')}`);
    case 'test':
      return cut(`test ${task.test.kind === 'http' ? `GET ${task.test.path}` : task.test.command.join(' ')}`);
    case 'approval':
      return 'approval';
    case 'webhook':
      return cut(`webhook ${task.url}`);
  }
}
