/** How requests and clients are told from each other, for what goes by them: a canary's steps, and the load balancer. */

/** Requests that carry a header or a cookie. Null: whatever its value. */
export interface Match {
  readonly in: 'header' | 'cookie';
  readonly name: string;
  readonly is: string | null;
}

/**
 * What a client is known by. `cookie`: one that the load balancer gives it. `header`: one that it sends, else its address.
 * `address`: where its connection comes from.
 */
export type ClientKey = { readonly by: 'cookie' } | { readonly by: 'header'; readonly name: string } | { readonly by: 'address' };

/** Of headers and cookies alike: what can stand in every place where names are written. */
export const isFieldName = (text: string): boolean => /^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(text);

/** Visible ASCII and spaces within. */
export const isFieldValue = (text: string): boolean => /^[\x21-\x7e]([\x20-\x7e]{0,126}[\x21-\x7e])?$/.test(text);
