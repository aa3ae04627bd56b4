/** Maps with a fixed set of keys: every other key is an error. */
import * as z from 'zod';

type Inner<T> = T extends z.ZodPrefault<infer I> ? I : T extends z.ZodOptional<infer I> ? I : T;
type Overriding<S extends z.ZodRawShape> = { [K in keyof S]: z.ZodOptional<Inner<S[K]> & z.ZodType> };

/** The same keys without their defaults: what an environment says about a section. Absent keys leave the section's value. */
export function overriding<S extends z.ZodRawShape>(shape: S): z.ZodObject<Overriding<S>, z.core.$strict> {
  const entries = Object.entries(shape).map(([key, field]) => {
    const inner = field instanceof z.ZodPrefault || field instanceof z.ZodOptional ? field.unwrap() : field;
    return [key, z.optional(inner)] as const;
  });
  return z.strictObject(Object.fromEntries(entries) as Overriding<S>);
}

/** Exactly one of the keys must be there. Tells editors too. */
export function oneOf<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const keys = Object.keys(shape);
  return z
    .strictObject(shape)
    .refine((value) => Object.values(value).filter((member) => member !== undefined).length === 1, {
      error: `expected exactly one of ${keys.join(', ')}`,
    })
    .meta({ oneOf: keys.map((key) => ({ required: [key] })) });
}
