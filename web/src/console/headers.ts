/** The headers in text, one a line; null if a line is none. */
export function readHeaders(text: string): { [name: string]: string } | null {
  const headers: { [name: string]: string } = {}
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '') continue
    const [, name, value] = /^([^\s:]+)\s*:\s*(.+)$/.exec(line) ?? []
    if (name === undefined || value === undefined) return null
    headers[name] = value
  }
  return headers
}
