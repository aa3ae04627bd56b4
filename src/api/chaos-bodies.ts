/** What the API says of experiments. */
import * as z from 'zod';

import type { InstanceId } from '../domain/ids.ts';
import { fleet, list, text } from './parts.ts';

export const ChaosPlan = z
  .object({
    fleet,
    victims: list(text<InstanceId>()),
    /** The same seed and instances: the same victims. Null: the victim was named. */
    seed: z.int().nullable(),
    /** Healthy instances of what serves: now, and once the victims are killed. */
    healthy: z.int(),
    left: z.int(),
    /** How few they may be: `instances.min` of kiln.yaml, and never none. */
    floor: z.int(),
    /** What speaks against it. */
    objections: list(z.string()),
  })
  .meta({ id: 'ChaosPlan' });

/** `experiment`: the seq of its begin in the history; its end there (`chaos.ended`) names it. */
export const ChaosBegun = ChaosPlan.extend({ experiment: z.int() }).meta({ id: 'ChaosBegun' });
