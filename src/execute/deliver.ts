/** Telling the outside: what a webhook says, and who brings it there. */
import type { Digest } from '../domain/digest.ts';
import type { FleetId, ReleaseNumber } from '../domain/ids.ts';
import type { Point, SecretSource } from '../domain/task.ts';
import type { CallContext } from '../engines/engine.ts';

/** The body of a webhook, as JSON. */
export interface Notice {
  readonly kind: Point;
  readonly service: string;
  readonly environment: string;
  readonly release: ReleaseNumber;
  readonly image: Digest;
  /** The release's label: the image's version tag and git revision. */
  readonly label: string;
  /** Before its end: what it takes the place of; null: nothing served. */
  readonly from?: ReleaseNumber | null;
  /** After: how it ended, why, and what serves now. */
  readonly outcome?: 'done' | 'rolled-back';
  readonly reason?: string;
  readonly serving?: ReleaseNumber | null;
}

export interface Delivery {
  /** The same for every attempt, also of a later daemon: whoever takes it twice can tell. */
  readonly id: string;
  readonly fleet: FleetId;
  readonly url: string;
  readonly secret: SecretSource | null;
  readonly notice: Notice;
}

/** Tries until it is taken or its time is over. Null: taken; else why not. Throws only the signal's reason. */
export type Deliver = (delivery: Delivery, withinMs: number, ctx: CallContext) => Promise<string | null>;
