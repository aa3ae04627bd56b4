/** `channels:`, the promotion policy: what must be so before a channel of the service takes an image. */
import * as z from 'zod';

import { duration, nameKey, nameText } from './fields.ts';

const channel = z.strictObject({
  after: nameText.describe('The channel in which the image must have been before.').optional(),
  soak: duration.describe('For how long without a break it must have been there.').prefault('0s'),
});

export const channels = z.record(nameKey, channel);
