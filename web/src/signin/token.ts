/**
 * The token of a sign-in link, if there is one, taken out of the address: neither the history nor
 * whoever looks over a shoulder has use for it.
 */
export function takeToken(page: Pick<Window, 'location' | 'history'>): string | undefined {
  const { hash, pathname, search } = page.location
  const token = new URLSearchParams(hash.slice(1)).get('token')
  if (!token) return undefined
  page.history.replaceState(page.history.state, '', pathname + search)
  return token
}
