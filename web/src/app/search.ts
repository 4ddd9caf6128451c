/** The part of an address after `?`, which people read, share and type: plain names and texts. */

export type Texts = { [name: string]: string }

/** What it says; of a name that is there twice, the last. */
export function parseSearch(text: string): Texts {
  return Object.fromEntries(new URLSearchParams(text))
}

/** The same again, without what is empty. */
export function writeSearch(search: { [name: string]: unknown }): string {
  const given = Object.entries(search).filter(
    ([, value]) => value !== undefined && value !== null && value !== '',
  )
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return text ? `?${text}` : ''
}

/** Where to go after signing in: a path of this site, never another one. */
export function safeNext(next: string | undefined): string {
  return next && /^\/(?![/\\])/.test(next) ? next : '/executions'
}

/** A number that is not negative, or none. */
export function readNumber(text: unknown): number | undefined {
  const number = typeof text === 'string' && text !== '' ? Number(text) : text
  return typeof number === 'number' && number >= 0 && Number.isFinite(number) ? number : undefined
}

/** Text, or none. */
export function readText(text: unknown): string | undefined {
  return typeof text === 'string' && text !== '' ? text : undefined
}
