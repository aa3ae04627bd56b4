/** Content digests: `sha256:` and 64 lower-case hexadecimal digits. The only name under which anything runs (law 1). */
declare const brand: unique symbol;
export type Digest = `sha256:${string}` & { readonly [brand]: 'digest' };

const DIGEST = /^sha256:[0-9a-f]{64}$/;

export const isDigest = (text: string): text is Digest => DIGEST.test(text);

/** The 64 hexadecimal digits. */
export const hexOf = (digest: Digest): string => digest.slice('sha256:'.length);

/** What a person sees: the first 8 hexadecimal digits. */
export const shortDigest = (digest: Digest): string => hexOf(digest).slice(0, 8);
