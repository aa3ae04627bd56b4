/** The smallest parts of the API's answers. */
import * as z from 'zod';

import type { Digest } from '../domain/digest.ts';
import type { FleetId, ReleaseNumber } from '../domain/ids.ts';
import type { Json } from '../domain/json.ts';

/** Brands exist only in the types; on the wire these are text and numbers. */
export const text = <T extends string>(): z.ZodType<T, T> => z.string() as unknown as z.ZodType<T, T>;
export const list = <T extends z.ZodType>(item: T): z.ZodReadonly<z.ZodArray<T>> => z.array(item).readonly();
/** Any JSON. Not z.json(): its recursive definition has no place in an OpenAPI document. */
export const json = z.unknown() as unknown as z.ZodType<Json, Json>;
export const digest = text<Digest>();
export const fleet = text<FleetId>();
export const release = z.int().positive() as unknown as z.ZodType<ReleaseNumber, ReleaseNumber>;
export const time = z.number().meta({ description: 'milliseconds since the epoch' });
